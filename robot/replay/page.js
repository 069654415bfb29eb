// Draws the data of the page and moves through it. One row is one point of every curve.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const rows = data.times.length;
  const slider = document.getElementById("when");
  const said = document.getElementById("said");
  const play = document.getElementById("play");
  const speed = document.getElementById("speed");
  const shown = []; // what to call with a row when another one is looked at

  // A figure whose drawing is made anew for every size: `draw(svg, width, height)` gives what
  // shows a row, `row(x, y)` the row at a place of it.
  function figure(parent, title, label, keys, draw, wide = false) {
    const caption = make("figcaption", {}, make("strong", {}, title), ...keys);
    const svg = make("svg", { class: "plot", role: "img", "aria-label": label });
    const node = make("figure", wide ? { class: "wide" } : {}, caption, svg);
    parent.append(node);
    let drawn = { show: () => {}, row: () => 0 };
    const redraw = () => {
      const { width, height } = svg.getBoundingClientRect();
      if (width < 80 || height < 40) return;
      svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
      svg.replaceChildren();
      drawn = draw(svg, width, height);
      drawn.show(looked);
    };
    new ResizeObserver(redraw).observe(svg);
    shown.push((row) => drawn.show(row));
    const at = (event) => {
      const box = svg.getBoundingClientRect();
      return drawn.row(event.clientX - box.left, event.clientY - box.top);
    };
    svg.addEventListener("pointermove", (event) => (event.buttons & 1 ? go : look)(at(event)));
    svg.addEventListener("pointerdown", (event) => go(at(event)));
    svg.addEventListener("pointerleave", () => look(Number(slider.value)));
  }

  function curves(parent, panel, wide) {
    const [xs, unit] = panel.over === "time" ? [data.times, "s"] : [data.distances, "m"];
    const keys = panel.lines.map((line) => key(line.label, line.role));
    const sides = panel.bands.flatMap((band) => [band.low, band.high]);
    let [low, high] = extent([...panel.lines.map((line) => line.values), ...sides]);
    if (panel.log) low = Math.max(low, high * 1e-6) || 1e-6;
    const flat = high - low <= 1e-9 * Math.abs(high);
    const room = panel.log ? 0 : flat ? Math.abs(high) || 1 : 0.05 * (high - low);
    const range = panel.log && flat ? [low / 2, high * 2] : [low - room, high + room];
    const label = `${panel.title} over ${panel.over}: from ${number(low)} to ${number(high)} ${panel.unit}`;
    const legend = keys.map(([node]) => node);
    const named = panel.bands.find((band) => band.label);
    let bound = null;
    if (named) {
      const [node, value] = key(named.label, named.role, "band");
      legend.push(node);
      bound = (row) => (value.textContent = number(named.high[row]));
    }
    const draw = (svg, width, height) => {
      const marks = panel.log ? logTicks(...range) : ticks(...range, clamp(height / 32, 2, 8));
      const named = marks.map((tick) => [tick, round(tick)]);
      const axes = frame(svg, width, height, xs, range, named, { log: panel.log, unit });
      const y = panel.log ? (v) => axes.y(Math.max(v, low)) : axes.y;
      for (const band of panel.bands)
        svg.append(
          make("path", { class: `band ${band.role}`, d: area(xs, band.low, band.high, axes.x, y) }),
        );
      for (const line of panel.lines)
        svg.append(make("path", { class: `line ${line.role}`, d: path(xs, line.values, axes.x, y) }));
      svg.append(axes.cursor);
      const show = (row) => {
        axes.show(row);
        keys.forEach(([, value], i) => (value.textContent = number(panel.lines[i].values[row])));
        if (bound) bound(row);
      };
      return { show, row: axes.row };
    };
    figure(parent, `${panel.title}, ${panel.unit}`, label, legend, draw, wide);
  }

  function way(parent) {
    const [estimate, estimateAt] = key("estimate", "estimate");
    const [truth, truthAt] = key("truth", "truth");
    const ways = data.truth ? [data.way, data.truth] : [data.way];
    const legend = data.truth ? [estimate, truth] : [estimate];
    const [west, east] = extent(ways.map((w) => w.x));
    const [south, north] = extent(ways.map((w) => w.y));
    const place = (w, row) => `${number(w.x[row])}, ${number(w.y[row])} m`;
    const label = `The way from above: ${number(east - west)} m by ${number(north - south)} m`;
    const draw = (svg, width, height) => {
      const pad = 28;
      const [w, h] = [width - 2 * pad - 22, height - 2 * pad];
      const scale = Math.min(w / (east - west || 1), h / (north - south || 1));
      const x = (v) => 22 + pad + w / 2 + scale * (v - (west + east) / 2);
      const y = (v) => height - pad - h / 2 - scale * (v - (south + north) / 2);
      const [x0, x1] = [west - (x(west) - 44) / scale, east + (width - 8 - x(east)) / scale];
      const [y0, y1] = [south - (height - 22 - y(south)) / scale, north + (y(north) - 8) / scale];
      const count = clamp(Math.min(width, height) / 90, 2, 8);
      for (const tick of ticks(x0, x1, count)) {
        svg.append(make("path", { class: "grid", d: `M${x(tick)} 8V${height - 22}` }));
        svg.append(make("text", { x: x(tick), y: height - 6, "text-anchor": "middle" }, round(tick)));
      }
      for (const tick of ticks(y0, y1, count)) {
        svg.append(make("path", { class: "grid", d: `M44 ${y(tick)}H${width - 8}` }));
        svg.append(make("text", { x: 40, y: y(tick) + 4, "text-anchor": "end" }, round(tick)));
      }
      ["way", "truth"].forEach((name) => {
        if (!data[name]) return;
        const role = name === "way" ? "estimate" : "truth";
        svg.append(make("path", { class: `line ${role}`, d: path(data[name].x, data[name].y, x, y) }));
      });
      svg.append(make("circle", { class: "end", r: 5, cx: x(data.way.x[0]), cy: y(data.way.y[0]) }));
      const last = rows - 1;
      const square = { class: "end", width: 9, height: 9 };
      svg.append(make("rect", { ...square, x: x(data.way.x[last]) - 4.5, y: y(data.way.y[last]) - 4.5 }));
      const there = make("circle", { class: "there", r: 5 });
      const here = make("path", { id: "here", class: "here", d: "M13 0L-8 -8L-4 0L-8 8Z" });
      svg.append(there, here);
      const show = (row) => {
        const turn = (-180 / Math.PI) * data.headings[row];
        const [px, py] = [x(data.way.x[row]), y(data.way.y[row])];
        here.setAttribute("transform", `translate(${px.toFixed(2)} ${py.toFixed(2)}) rotate(${turn.toFixed(1)})`);
        estimateAt.textContent = place(data.way, row);
        const known = data.truth && data.truth.x[row] !== null;
        there.setAttribute("visibility", known ? "visible" : "hidden");
        if (known) {
          there.setAttribute("cx", x(data.truth.x[row]));
          there.setAttribute("cy", y(data.truth.y[row]));
        }
        truthAt.textContent = known ? place(data.truth, row) : "–";
      };
      const row = (px, py) => {
        let best = 0;
        let least = Infinity;
        for (let i = 0; i < rows; i++) {
          const far = (x(data.way.x[i]) - px) ** 2 + (y(data.way.y[i]) - py) ** 2;
          if (far < least) [best, least] = [i, far];
        }
        return best;
      };
      return { show, row };
    };
    figure(parent, "The way from above: east, north", label, legend, draw);
  }

  function spikes(parent, { neurons, bins, top, shares, mean }, wide) {
    const bytes = Uint8Array.from(atob(shares), (c) => c.charCodeAt(0));
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [bins, neurons];
    const context = canvas.getContext("2d");
    const image = context.createImageData(bins, neurons);
    bytes.forEach((share, i) => (image.data[4 * i + 3] = share)); // black, the more the darker
    context.putImageData(image, 0, 0);
    const picture = canvas.toDataURL();
    const [node, value] = key("at this time");
    const title = `Spikes, neuron by neuron; ${number(100 * mean)} % a step`;
    const draw = (svg, width, height) => {
      const marks = ticks(0, neurons, 4).map((tick) => [neurons - tick, round(tick)]);
      const axes = frame(svg, width, height, data.times, [0, neurons], marks);
      const { right, top: up, bottom } = MARGIN;
      const size = { width: width - axes.left - right, height: height - up - bottom };
      const place = { x: axes.left, y: up, preserveAspectRatio: "none", class: "raster" };
      svg.append(make("image", { href: picture, ...place, ...size }), axes.cursor);
      const show = (row) => {
        axes.show(row);
        const bin = Math.min(bins - 1, Math.floor((row / (rows - 1)) * bins));
        let sum = 0;
        for (let i = 0; i < neurons; i++) sum += bytes[i * bins + bin];
        value.textContent = `${number((100 * top * sum) / (255 * neurons))} %`;
      };
      return { show, row: axes.row };
    };
    figure(parent, title, `${title}, over time`, [node], draw, wide);
  }

  // Stretches of rows, each of which stands for all up to the next.
  function health(parent) {
    const names = Object.keys(data.health);
    const [node, value] = key("at this time");
    const draw = (svg, width, height) => {
      const marks = names.map((name, i) => [names.length - i - 0.5, name]);
      const axes = frame(svg, width, height, data.times, [0, names.length], marks, { left: 92 });
      const tall = 0.7 * (axes.y(0) - axes.y(1));
      names.forEach((name, i) => {
        for (const [from, to] of data.health[name]) {
          const start = axes.x(data.times[from]);
          const long = Math.max(1.5, axes.x(data.times[Math.min(rows - 1, to + 1)]) - start);
          const y = axes.y(names.length - i - 0.5) - tall / 2;
          svg.append(make("rect", { class: "fault", x: start, y, width: long, height: tall }));
        }
      });
      svg.append(axes.cursor);
      const show = (row) => {
        axes.show(row);
        const on = (name) => data.health[name].some(([from, to]) => from <= row && row <= to);
        value.textContent = names.filter(on).join(", ") || "all is well";
      };
      return { show, row: axes.row };
    };
    figure(parent, "Health", `Health over time: ${names.join(", ")}`, [node], draw, true);
  }

  let looked = 0;
  function look(row) {
    looked = row;
    said.textContent = `${data.times[row].toFixed(2)} s, ${number(data.distances[row])} m`;
    for (const show of shown) show(row);
  }

  function go(row) {
    slider.value = row;
    const [time, all] = [data.times[row].toFixed(1), data.times[rows - 1].toFixed(1)];
    slider.setAttribute("aria-valuetext", `${time} s of ${all} s, after ${number(data.distances[row])} m`);
    look(row);
  }

  let running = false;
  function run(on) {
    running = on;
    play.textContent = on ? "Pause" : "Play";
    play.setAttribute("aria-pressed", String(on));
    if (!on) return;
    if (Number(slider.value) === rows - 1) go(0);
    let time = data.times[Number(slider.value)];
    let before = performance.now();
    let mine = Number(slider.value);
    const step = (now) => {
      if (!running) return;
      if (Number(slider.value) !== mine) time = data.times[Number(slider.value)]; // moved by hand
      time += ((now - before) / 1000) * Number(speed.value);
      before = now;
      go(nearest(data.times, time));
      mine = Number(slider.value);
      if (mine === rows - 1) run(false);
      else requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  const [left, right] = [document.getElementById("left"), document.getElementById("right")];
  const timed = data.panels.filter((panel) => panel.over === "time");
  const odd = timed.length % 2 === 1;
  way(left);
  for (const panel of data.panels) if (panel.over === "distance") curves(left, panel);
  timed.forEach((panel, i) => curves(right, panel, odd && !data.raster && i === timed.length - 1));
  if (data.raster) spikes(right, data.raster, !odd);
  if (Object.keys(data.health).length) health(right);
  slider.addEventListener("input", () => go(Number(slider.value)));
  play.addEventListener("click", () => run(!running));
  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const focus = document.activeElement;
    if (event.key === " " && focus !== play && focus !== speed) run(!running);
    else if (focus === document.body && event.key in KEYS) {
      const [times, by] = KEYS[event.key];
      go(clamp(times * Number(slider.value) + by, 0, rows - 1));
    } else return;
    event.preventDefault();
  });
  const KEYS = {
    ArrowLeft: [1, -1],
    ArrowRight: [1, 1],
    PageDown: [1, -Math.ceil(rows / 20)],
    PageUp: [1, Math.ceil(rows / 20)],
    Home: [0, 0],
    End: [0, rows - 1],
  };
  go(0);
})();
