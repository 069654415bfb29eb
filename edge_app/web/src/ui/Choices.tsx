/** A few options side by side, one of them chosen: radio buttons that look like buttons. */
interface Props<T extends string | number> {
  title: string;
  name: string;
  options: { value: T; words: string }[];
  value: T;
  disabled?: boolean;
  onChange: (value: T) => void;
}

export function Choices<T extends string | number>(props: Props<T>) {
  const { title, name, options, value, disabled = false, onChange } = props;
  return (
    <fieldset disabled={disabled}>
      <legend>{title}</legend>
      <div class="choices">
        {options.map((option) => (
          <label key={option.value} class="choice">
            <input
              type="radio"
              name={name}
              checked={option.value === value}
              onChange={() => onChange(option.value)}
            />
            <span class="button">{option.words}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
