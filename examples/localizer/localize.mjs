// Localizes an IMU's log with a stock runtime and none of bombus's code.
//
//   npm ci
//   node localize.mjs ../../models/localizer-graph/localizer-graph_f64.onnx drive.csv > way.csv
//
// A row of the log is time (s), gyro x y z (rad/s), accelerometer x y z (m/s^2): x forward, y left,
// z up. The way is time, east, north, up (m) from the first sample on, whose heading counts as east.
// Begin at rest, or say how fast the IMU moves forward: node localize.mjs MODEL LOG SPEED (m/s).

import { readFile } from "node:fs/promises";
import * as ort from "onnxruntime-web";

const [model, log, speed = "0"] = process.argv.slice(2);
if (log === undefined) {
  console.error("usage: node localize.mjs MODEL.onnx LOG.csv [SPEED]");
  process.exit(2);
}
ort.env.wasm.numThreads = 1;
const session = await ort.InferenceSession.create(await readFile(model));

// Every state begins with zeros: the graph then starts from its profile, levelled by the first
// sample. What is known better may be written into it; here that is the speed.
const feeds = {};
for (const { name, shape } of session.inputMetadata) {
  const size = shape.reduce((product, length) => product * length, 1);
  feeds[name] = new ort.Tensor("float64", new Float64Array(size), shape);
}
feeds.velocity.data[0] = Number(speed);

let before;
console.log("time,east,north,up");
for (const line of (await readFile(log, "utf8")).split("\n")) {
  const row = line.split(",").map(Number);
  if (row.length < 7 || row.some(Number.isNaN)) continue; // a header, or the end
  const [time, ...sample] = row;
  if (time <= before) continue; // a sample that came twice, or late
  feeds.sample.data.set(sample.slice(0, 6));
  feeds.dt.data[0] = time - (before ?? time);
  before = time;

  const answers = await session.run(feeds);
  for (const name in answers) {
    const state = name.replace(/^next_/, "");
    if (state in feeds) feeds[state] = answers[name]; // what it knows now, it is told again
  }
  console.log([time, ...answers.next_position.data].join(","));
}
