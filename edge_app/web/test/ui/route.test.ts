import { expect, it } from "vitest";
import { addressOf, parseRoute, type Route } from "../../src/ui/route";

it.each<Route>([
  { screen: "identify" },
  { screen: "history", item: "a-1" },
  { screen: "species", item: "black eyed/susan ?#%" },
])("reads the addresses that it writes: %o", (route) => {
  expect(parseRoute(addressOf(route))).toEqual(route);
});

it.each(["", "#", "#/", "#/nowhere", "#/nowhere/else"])("starts at the camera: %j", (hash) => {
  expect(parseRoute(hash).screen).toBe("identify");
});

it("survives an address that nobody wrote", () => {
  expect(parseRoute("#/species/%E0%A4%A")).toEqual({ screen: "species" });
});
