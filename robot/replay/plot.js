// What a plot is made of: elements, numbers, ticks, paths and axes. page.js comes after it.
"use strict";

const clamp = (x, low, high) => Math.min(Math.max(x, low), high);

function make(name, attributes = {}, ...children) {
  const html = ["figure", "figcaption", "strong", "span", "b"].includes(name);
  const space = html ? "http://www.w3.org/1999/xhtml" : "http://www.w3.org/2000/svg";
  const node = document.createElementNS(space, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

function number(x) {
  if (x === null || x === undefined) return "–";
  const size = Math.abs(x);
  const text =
    size >= 1000
      ? x.toFixed(0)
      : size >= 10
        ? x.toFixed(1)
        : size >= 1e-3 || size === 0
          ? x.toPrecision(3)
          : x.toExponential(1);
  return minus(text);
}

const minus = (text) => text.replaceAll("-", "−");
const round = (x) => minus(String(Number(x.toPrecision(6)))); // of a tick

// The row whose value is nearest; values increase.
function nearest(values, wanted) {
  let low = 0;
  let high = values.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (values[middle] <= wanted) low = middle;
    else high = middle;
  }
  return wanted - values[low] <= values[high] - wanted ? low : high;
}

// About `count` round numbers from low to high.
function ticks(low, high, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((m) => m * power >= rough);
  const found = [];
  for (let i = Math.ceil(low / step); i * step <= high + 1e-9 * step; i++) found.push(i * step);
  return found;
}

function logTicks(low, high) {
  const found = [];
  for (let e = Math.floor(Math.log10(low)); e <= Math.log10(high); e++)
    for (const m of high / low < 300 ? [1, 2, 5] : [1]) {
      const tick = Number(`${m}e${e}`);
      if (tick >= low && tick <= high) found.push(tick);
    }
  return found;
}

function extent(lists) {
  let low = Infinity;
  let high = -Infinity;
  for (const list of lists)
    for (const x of list)
      if (x !== null) {
        low = Math.min(low, x);
        high = Math.max(high, x);
      }
  return low <= high ? [low, high] : [0, 1];
}

// Points that are null interrupt the path.
function path(xs, ys, x, y) {
  const parts = [];
  let pen = "M";
  for (let i = 0; i < xs.length; i++) {
    if (xs[i] === null || ys[i] === null) pen = "M";
    else {
      parts.push(`${pen}${x(xs[i]).toFixed(1)} ${y(ys[i]).toFixed(1)}`);
      pen = "L";
    }
  }
  return parts.join("");
}

function area(xs, low, high, x, y) {
  const there = xs.map((v, i) => [v, low[i], high[i]]).filter(([, a, b]) => a !== null && b !== null);
  const upper = there.map(([v, , b]) => `${x(v).toFixed(1)} ${y(b).toFixed(1)}`);
  const lower = there.map(([v, a]) => `${x(v).toFixed(1)} ${y(a).toFixed(1)}`);
  return upper.length ? `M${upper.join("L")}L${lower.reverse().join("L")}Z` : "";
}

function key(label, role, kind = "line") {
  const value = make("b");
  const node = make("span", { class: "key" }, label, value);
  if (role) {
    const sample = make("svg", { viewBox: "0 0 26 10", "aria-hidden": "true" });
    const d = kind === "line" ? "M0 5H26" : "M0 0H26V10H0Z";
    sample.append(make("path", { d, class: `${kind} ${role}` }));
    node.prepend(sample);
  }
  return [node, value];
}

const MARGIN = { right: 12, top: 8, bottom: 20 };

// Axes of a plot over time or distance; gives the two scales and the cursor.
function frame(svg, width, height, xs, [low, high], marks, { log, unit = "s", left = 50 } = {}) {
  const { right, top, bottom } = MARGIN;
  const end = xs[xs.length - 1];
  const x = (v) => left + ((width - left - right) * (v - xs[0])) / (end - xs[0] || 1);
  const f = log ? Math.log : (v) => v;
  const y = (v) => height - bottom - ((height - top - bottom) * (f(v) - f(low))) / (f(high) - f(low));
  for (const tick of ticks(xs[0], end, clamp(width / 60, 2, 12))) {
    svg.append(make("path", { class: "grid", d: `M${x(tick)} ${top}V${height - bottom}` }));
    if (x(tick) < width - 34)
      svg.append(make("text", { x: x(tick), y: height - 5, "text-anchor": "middle" }, round(tick)));
  }
  svg.append(make("text", { x: width - right, y: height - 5, "text-anchor": "end" }, unit));
  for (const [tick, name] of marks) {
    svg.append(make("path", { class: "grid", d: `M${left} ${y(tick)}H${width - right}` }));
    svg.append(make("text", { x: left - 6, y: y(tick) + 4, "text-anchor": "end" }, name));
  }
  const cursor = make("path", { class: "cursor" });
  return {
    x,
    y,
    cursor,
    left,
    show: (row) => cursor.setAttribute("d", `M${x(xs[row])} ${top}V${height - bottom}`),
    row: (px) => nearest(xs, xs[0] + ((px - left) / (width - left - right)) * (end - xs[0])),
  };
}
