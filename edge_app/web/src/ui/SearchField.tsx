/** A search box that filters while typing. */
import { Icon } from "./Icon";

interface Props {
  words: string;
  value: string;
  onInput: (value: string) => void;
}

export function SearchField({ words, value, onInput }: Props) {
  return (
    <div class="search" role="search">
      <Icon name="search" />
      <input
        type="search"
        aria-label={words}
        placeholder={words}
        value={value}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
    </div>
  );
}
