import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { loadSettings, saveSettings } from "../../src/store/settings";
import type { Settings } from "../../src/types";

const DEFAULTS: Settings = {
  language: "tr",
  theme: "auto",
  bundle: "",
  threads: 1,
  tipsSeen: false,
};
let kept: Map<string, string>;

beforeEach(() => {
  kept = new Map();
  vi.stubGlobal("localStorage", {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
  });
});
afterEach(() => void vi.unstubAllGlobals());

describe("settings", () => {
  it("start with the device's language", () => {
    expect(loadSettings("tr")).toEqual(DEFAULTS);
  });

  it("are kept", () => {
    const chosen: Settings = {
      language: "zh",
      theme: "dark",
      bundle: "flowers",
      threads: 4,
      tipsSeen: true,
    };
    saveSettings(chosen);
    expect(loadSettings("en")).toEqual(chosen);
  });

  it.each(["", "{", "null", "[]", '"x"', "7"])("bear the text %j in their place", (text) => {
    kept.set("bombus-settings", text);
    expect(loadSettings("tr")).toEqual(DEFAULTS);
  });

  it("pass over bad values one by one", () => {
    const mixed = { language: "xx", theme: "dark", bundle: 7, threads: 3, tipsSeen: "yes" };
    kept.set("bombus-settings", JSON.stringify(mixed));
    expect(loadSettings("tr")).toEqual({ ...DEFAULTS, theme: "dark" });
  });

  it("do without a browser that keeps them", () => {
    vi.stubGlobal("localStorage", {
      getItem() {
        throw new DOMException("denied", "SecurityError");
      },
      setItem() {
        throw new DOMException("full", "QuotaExceededError");
      },
    });
    expect(loadSettings("tr")).toEqual(DEFAULTS);
    expect(() => saveSettings(DEFAULTS)).not.toThrow();
  });
});
