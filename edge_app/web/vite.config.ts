import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { VitePWA } from "vite-plugin-pwa";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const versionOf = (path: string) =>
  (JSON.parse(readFileSync(here(path), "utf8")) as { version: string }).version;

const RUNTIME = "node_modules/@litertjs/core";
/** Named after the runtime's version, so that a new app never runs an old cached runtime. */
const RUNTIME_CACHE = `bombus-rt-${versionOf(`${RUNTIME}/package.json`)}`;

/**
 * The builds of LiteRT that browsers choose from: with relaxed SIMD, which halves the time of an
 * int8 model; "compat" without it; "threaded" where threads are asked for. Each fetches only one.
 */
function liteRtFiles(): Plugin {
  return {
    name: "litert-files",
    apply: "build",
    generateBundle() {
      for (const build of ["", "compat_", "threaded_"]) {
        for (const suffix of ["js", "wasm"]) {
          const file = `litert_wasm_${build}internal.${suffix}`;
          const source = readFileSync(here(`${RUNTIME}/wasm/${file}`));
          this.emitFile({ type: "asset", fileName: `rt/${file}`, source });
        }
      }
    },
  };
}

export default defineConfig({
  base: "./", // the app lives in a sub-folder or an APK as well as at a root
  define: {
    APP_VERSION: JSON.stringify(versionOf("package.json")),
    RUNTIME_CACHE: JSON.stringify(RUNTIME_CACHE),
  },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: { target: "es2022", modulePreload: { polyfill: false } },
  worker: { format: "iife" }, // LiteRT's loader calls importScripts, which modules lack
  plugins: [
    liteRtFiles(),
    VitePWA({
      strategies: "generateSW",
      registerType: "autoUpdate",
      injectRegister: null, // src/offline.ts does
      manifest: {
        id: "./",
        name: "bombus",
        short_name: "bombus",
        description: "Recognises flowers on the phone itself, offline.",
        start_url: "./",
        scope: "./",
        display: "standalone",
        background_color: "#fbfaf5",
        theme_color: "#2f6b3a",
        categories: ["education", "photo"],
        icons: [
          { src: "icons/icon-192.png", sizes: "192x192", type: "image/png" },
          { src: "icons/icon-512.png", sizes: "512x512", type: "image/png" },
          {
            src: "icons/icon-maskable-512.png",
            sizes: "512x512",
            type: "image/png",
            purpose: "maskable",
          },
        ],
      },
      workbox: {
        cacheId: "bombus",
        inlineWorkboxRuntime: true,
        // The pages alone: the runtime and the models are cached when first used.
        globPatterns: ["**/*.{html,js,css,json,svg,png,webmanifest}"],
        globIgnores: ["rt/**", "models/**"],
        navigateFallbackDenylist: [/\/(models|rt|species)\//],
        clientsClaim: true,
        skipWaiting: true,
        cleanupOutdatedCaches: true,
        runtimeCaching: [
          {
            urlPattern: /\/rt\/litert[^/]*$/,
            handler: "CacheFirst",
            options: { cacheName: RUNTIME_CACHE },
          },
          {
            // A manifest tells when a model changes, so it is asked for anew.
            urlPattern: /\/models\/(?:.*\/)?(?:index|manifest)\.json$/,
            handler: "NetworkFirst",
            options: { cacheName: "bombus-manifests", networkTimeoutSeconds: 4 },
          },
          {
            // Asked for with its SHA-256, so another content has another address.
            urlPattern: /\/models\/[^?]*\?sha256=[0-9a-f]{64}$/,
            handler: "CacheFirst",
            options: { cacheName: "bombus-models" },
          },
        ],
      },
    }),
  ],
  test: { environment: "node", testTimeout: 60_000 }, // machines are busy at times
});
