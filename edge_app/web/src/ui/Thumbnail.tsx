/** A kept photo; the words beside it say what it shows unless `alt` does. */
import { useObjectUrl } from "./useObjectUrl";

interface Props {
  photo: Blob | undefined;
  alt?: string;
}

export function Thumbnail({ photo, alt = "" }: Props) {
  const url = useObjectUrl(photo);
  return url ? <img class="thumb" src={url} alt={alt} /> : <span class="thumb" />;
}
