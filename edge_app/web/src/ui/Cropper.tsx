/** The square that the model looks at: the photo moves and grows beneath a fixed window. */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Square } from "../types";
import { t } from "../i18n";
import { Icon } from "./Icon";
import { moved, sameSquare, zoomed } from "./square";

interface Props {
  image: ImageBitmap;
  square: Square;
  alt: string;
  onCrop: (square: Square) => void;
  /** Drawn over the photo: the heat map. */
  overlay: ImageData | undefined;
}

/** What a key press moves, as a share of the square, and how much it zooms. */
const STEP = 0.08;
const ZOOM = 1.2;
/** A pause of so many milliseconds ends a gesture and asks for a verdict. */
const PAUSE = 250;
/** Side of the canvas in pixels: sharp on a phone, light to draw. */
const RESOLUTION = 800;

export function Cropper({ image, square, alt, onCrop, overlay }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const heat = useRef<HTMLCanvasElement>(null);
  // While a gesture goes on, its square is ours; the one that the verdict belongs to is `square`.
  const [draft, setDraft] = useState(square);
  const current = useRef(square);
  const pointers = useRef(new Map<number, { x: number; y: number }>());
  const timer = useRef(0);

  useEffect(() => {
    clearTimeout(timer.current);
    pointers.current.clear();
    current.current = square;
    setDraft(square);
  }, [image, square]);
  useEffect(() => () => clearTimeout(timer.current), []);

  useLayoutEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context) return;
    context.imageSmoothingQuality = "high";
    const { left, top, side } = draft;
    context.clearRect(0, 0, RESOLUTION, RESOLUTION);
    context.drawImage(image, left, top, side, side, 0, 0, RESOLUTION, RESOLUTION);
  }, [image, draft]);

  useLayoutEffect(() => {
    if (overlay) heat.current?.getContext("2d")?.putImageData(overlay, 0, 0);
  }, [overlay]);

  function change(next: Square) {
    current.current = next;
    setDraft(next);
    clearTimeout(timer.current);
    timer.current = window.setTimeout(settle, PAUSE);
  }

  function settle() {
    if (pointers.current.size > 0) timer.current = window.setTimeout(settle, PAUSE);
    else if (!sameSquare(current.current, square)) onCrop(current.current);
  }

  const zoom = (factor: number, x = 0.5, y = 0.5) =>
    change(zoomed(current.current, factor, x, y, image));
  const move = (right: number, down: number) => change(moved(current.current, right, down, image));

  /** Where a pointer is, as shares of the window. */
  function place(event: MouseEvent) {
    const { left, top, width } = box.current!.getBoundingClientRect();
    return { x: (event.clientX - left) / width, y: (event.clientY - top) / width };
  }

  function onPointerMove(event: PointerEvent) {
    const before = pointers.current.get(event.pointerId);
    if (!before) return;
    const now = place(event);
    const other = [...pointers.current].find(([id]) => id !== event.pointerId)?.[1];
    pointers.current.set(event.pointerId, now);
    if (!other) return move(before.x - now.x, before.y - now.y);
    const apart = (a: typeof now) => Math.max(Math.hypot(a.x - other.x, a.y - other.y), 0.05);
    zoom(apart(now) / apart(before), (now.x + other.x) / 2, (now.y + other.y) / 2);
    move((before.x - now.x) / 2, (before.y - now.y) / 2);
  }

  function onKeyDown(event: KeyboardEvent) {
    const act = {
      ArrowLeft: () => move(-STEP, 0),
      ArrowRight: () => move(STEP, 0),
      ArrowUp: () => move(0, -STEP),
      ArrowDown: () => move(0, STEP),
      "+": () => zoom(ZOOM),
      "=": () => zoom(ZOOM),
      "-": () => zoom(1 / ZOOM),
    }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  // Preact listens to the wheel passively, where a page can't keep itself from scrolling.
  useEffect(() => {
    const onWheel = (event: WheelEvent) => {
      event.preventDefault();
      const { x, y } = place(event);
      zoom(Math.exp(-event.deltaY / 400), x, y);
    };
    const target = box.current!;
    target.addEventListener("wheel", onWheel, { passive: false });
    return () => target.removeEventListener("wheel", onWheel);
  });

  const release = (event: PointerEvent) => void pointers.current.delete(event.pointerId);
  return (
    <div class="cropper">
      <div class="crop-stage">
        <div
          ref={box}
          class="crop-window"
          role="group"
          tabIndex={0}
          aria-label={t("crop.label")}
          aria-describedby="crop-help"
          onKeyDown={onKeyDown}
          onPointerDown={(event) => {
            event.currentTarget.setPointerCapture(event.pointerId);
            pointers.current.set(event.pointerId, place(event));
          }}
          onPointerMove={onPointerMove}
          onPointerUp={release}
          onPointerCancel={release}
        >
          <canvas ref={canvas} width={RESOLUTION} height={RESOLUTION} role="img" aria-label={alt} />
          {overlay && (
            <canvas
              ref={heat}
              class="heat"
              width={overlay.width}
              height={overlay.height}
              data-testid="heat"
            />
          )}
        </div>
        <div class="crop-tools">
          <button
            type="button"
            class="icon-button"
            aria-label={t("crop.zoomOut")}
            onClick={() => zoom(1 / ZOOM)}
          >
            <Icon name="minus" />
          </button>
          <button
            type="button"
            class="icon-button"
            aria-label={t("crop.zoomIn")}
            onClick={() => zoom(ZOOM)}
          >
            <Icon name="plus" />
          </button>
        </div>
      </div>
      <p id="crop-help" class="small-print crop-help">
        {t("crop.help")}
      </p>
    </div>
  );
}
