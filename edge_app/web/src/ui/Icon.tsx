/** Our own line icons on a 24-unit grid; decoration only, so that the words beside them speak. */
const PATHS = {
  camera: "M4 8h3l2-3h6l2 3h3v11H4zM12 16.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7z",
  flower:
    "M12 9.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5zM12 9.5C9 7 10 3 12 3s3 4 0 6.5M14.4 11.2c1-3.8 5-3.9 5.6-2 .6 1.9-2.5 4.1-5.6 2M13.5 14c3.9-.2 5.3 3.6 3.6 4.8-1.6 1.2-4.7-1.1-3.6-4.8M10.5 14c1.1 3.7-2 6-3.6 4.8-1.7-1.2-.3-5 3.6-4.8M9.6 11.2c-3.1 2.1-6.2-.1-5.6-2 .6-1.9 4.6-1.8 5.6 2",
  history: "M4 12a8 8 0 1 0 2.5-5.8M4 4v4h4M12 7.5V12l3 2",
  settings:
    "M4 7h9M17 7h3M4 17h3M11 17h9M15 9.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM9 19.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5z",
  photos: "M4 5h16v14H4zM4 16l4.5-4.5 3.5 3.5 3-3 5 5M15.5 9.5h.01",
  flip: "M4 11a8 8 0 0 1 14-4l2 2M20 4v5h-5M20 13a8 8 0 0 1-14 4l-2-2M4 20v-5h5",
  torch: "M13 3 6 13h5l-1 8 8-11h-5z",
  back: "M14.5 5 8 12l6.5 7",
  next: "M9.5 5 16 12l-6.5 7",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  close: "M6 6l12 12M18 6 6 18",
  check: "M5 12.5 10 17.5 19 7",
  share: "M12 14V4M8 7.5 12 3.5l4 4M6 11H5v9h14v-9h-1",
  save: "M7 4h10v16l-5-4-5 4z",
  eye: "M2.5 12C6 6.5 18 6.5 21.5 12 18 17.5 6 17.5 2.5 12zM12 14.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5z",
  pencil: "M5 19l1-4L16 5l3 3L9 18zM14 7l3 3",
  trash: "M5 7h14M9 7V4h6v3M7 7l1 13h8l1-13",
  pin: "M12 21c-4-5-6-8-6-11a6 6 0 0 1 12 0c0 3-2 6-6 11zM12 12a2 2 0 1 0 0-4 2 2 0 0 0 0 4z",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM15.5 15.5 20 20",
  warning: "M12 4 2.5 20h19zM12 10v4.5M12 17.2v.1",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
