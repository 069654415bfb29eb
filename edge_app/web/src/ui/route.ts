/** Where in the app we are: the part of the address after `#`, which needs no server. */
import { useEffect, useState } from "preact/hooks";

export interface Route {
  screen: "identify" | "photo" | "species" | "history" | "settings";
  /** The flower or find that the screen shows. */
  item?: string;
}

const SCREENS = ["identify", "photo", "species", "history", "settings"] as const;

export function parseRoute(hash: string): Route {
  const [name = "", item = ""] = hash.replace(/^#\/?/, "").split("/");
  const screen = SCREENS.find((one) => one === name) ?? "identify";
  try {
    return item ? { screen, item: decodeURIComponent(item) } : { screen };
  } catch {
    return { screen };
  }
}

export function addressOf({ screen, item }: Route): string {
  return item ? `#/${screen}/${encodeURIComponent(item)}` : `#/${screen}`;
}

export function navigate(route: Route): void {
  location.hash = addressOf(route);
}

/** The same without a step back to where we are: there was nothing to see. */
export function redirect(route: Route): void {
  location.replace(addressOf(route));
}

export function useRoute(): Route {
  const [route, setRoute] = useState(() => parseRoute(location.hash));
  useEffect(() => {
    const follow = () => setRoute(parseRoute(location.hash));
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  return route;
}
