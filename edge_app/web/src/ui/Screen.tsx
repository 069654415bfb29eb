/** The frame of every screen: its heading takes the focus, so that a screen reader says where we are. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { t } from "../i18n";
import { Icon } from "./Icon";
import { addressOf, type Route } from "./route";

interface Props {
  title: string;
  /** Small print under the heading. */
  subtitle?: ComponentChildren;
  /** Where the back arrow leads; none on the screens of the navigation. */
  back?: Route;
  class?: string;
  /** What to say while photos hang over the screen. */
  drop?: string;
  children: ComponentChildren;
}

// The very first screen leaves the focus at the top of the page.
let first = true;

export function Screen({ title, subtitle, back, class: name = "", drop, children }: Props) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (!first) heading.current?.focus({ preventScroll: true });
    if (!first) scrollTo(0, 0);
    first = false;
  }, []);
  useEffect(() => {
    document.title = `${title} · ${t("app.name")}`;
  }, [title]);
  return (
    <main id="main" class={`screen ${name}`} data-drop={drop}>
      <div class="screen-head">
        {back && (
          <a class="icon-button" href={addressOf(back)} aria-label={t("app.back")}>
            <Icon name="back" />
          </a>
        )}
        <div>
          <h1 ref={heading} tabIndex={-1}>
            {title}
          </h1>
          {subtitle && <p class="subtitle">{subtitle}</p>}
        </div>
      </div>
      {children}
    </main>
  );
}
