/**
 * Writes a .br and a .gz beside every file of dist/ that gains by it, for servers to send as is.
 *
 * At the highest quality the runtime takes a minute, so results are kept by content for the next
 * build.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";

const COMPRESSIBLE = /\.(?:html|js|css|json|svg|wasm|webmanifest|txt)$/;
const SMALLEST = 512; // bytes; below this the headers weigh more than what is saved

const METHODS = {
  br: (data) =>
    promisify(brotliCompress)(data, {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
        [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
        [constants.BROTLI_PARAM_SIZE_HINT]: data.length,
      },
    }),
  gz: (data) => promisify(gzip)(data, { level: constants.Z_BEST_COMPRESSION }),
};

const folder = (path) => fileURLToPath(new URL(path, import.meta.url));
const dist = folder("../dist");
const kept = folder("../node_modules/.cache/bombus");

function existing(path) {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

async function compress(file) {
  const data = readFileSync(file);
  if (data.length < SMALLEST) return;
  const hash = createHash("sha256").update(data).digest("hex");
  for (const [suffix, method] of Object.entries(METHODS)) {
    const place = join(kept, `${hash}.${suffix}`);
    let result = existing(place);
    if (!result) {
      result = await method(data);
      writeFileSync(`${place}.tmp`, result);
      renameSync(`${place}.tmp`, place); // a build cut short leaves no half file
    }
    writeFileSync(`${file}.${suffix}`, result);
  }
}

mkdirSync(kept, { recursive: true });
const files = readdirSync(dist, { recursive: true, encoding: "utf8" });
await Promise.all(
  files.filter((file) => COMPRESSIBLE.test(file)).map((file) => compress(join(dist, file))),
);
