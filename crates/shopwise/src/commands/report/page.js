"use strict";
const root = document.documentElement;
const touches = matchMedia("(pointer: coarse)").matches;

Plotly.register({
  moduleType: "locale", name: "zh",
  dictionary: {
    "Autoscale": "自动缩放", "Download plot as a PNG": "保存为图片", "Pan": "平移", "Zoom": "缩放",
    "Zoom in": "放大", "Zoom out": "缩小", "Reset axes": "还原", "Double-click to zoom back out": "双击还原",
    "Taking snapshot - this may take a few seconds": "正在生成图片", "Snapshot succeeded": "图片已生成",
  },
  format: {},
});

// Chooses the page's language in pairs {en, zh} and looks colours {css} up in the theme.
function resolve(value, style) {
  if (Array.isArray(value)) return value.map((entry) => resolve(entry, style));
  if (value === null || typeof value !== "object") return value;
  if ("css" in value) return style.getPropertyValue(value.css).trim();
  if ("en" in value && "zh" in value) return resolve(root.lang === "zh" ? value.zh : value.en, style);
  return Object.fromEntries(Object.entries(value).map(([name, entry]) => [name, resolve(entry, style)]));
}

// Numbers in the cells of a heat map, each in the better readable of black and white: a trace of
// texts, since the map itself knows one colour for all.
function cellsOf(trace) {
  const parse = (colour) => colour.match(/[0-9a-f]{2}/gi).map((part) => parseInt(part, 16));
  const stops = trace.colorscale.map(([at, colour]) => [at, parse(colour)]);
  const values = trace.z.flat();
  const low = trace.zmin ?? Math.min(...values), high = trace.zmax ?? Math.max(...values);
  const light = (colour) => {
    const [r, g, b] = colour.map((part) => part / 255).map((c) => (c <= 0.04 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ink = (value) => {
    const at = Math.min(1, Math.max(0, (value - low) / (high - low || 1)));
    const next = Math.max(1, stops.findIndex((stop) => stop[0] >= at));
    const [[from, a], [to, b]] = [stops[next - 1], stops[next]];
    const part = (at - from) / (to - from);
    const luminance = light(a.map((value, channel) => value + part * (b[channel] - value)));
    return (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) ? "#000000" : "#ffffff";
  };
  const text = { type: "scatter", mode: "text", hoverinfo: "skip", x: [], y: [], text: [], textfont: { color: [] } };
  const show = (value) => (trace.decimals ? value.toFixed(trace.decimals).replace(/^-(?=.*[1-9])/, "−").replace("-", "") : value.toLocaleString("en"));
  trace.z.forEach((line, y) => line.forEach((value, x) => {
    text.x.push(trace.x[x]);
    text.y.push(trace.y[y]);
    text.text.push(show(value));
    text.textfont.color.push(ink(value));
  }));
  return text;
}

function dataOf(figure, style) {
  return resolve(figure.data, style).flatMap((trace) => (trace.type === "heatmap" ? [trace, cellsOf(trace)] : [trace]));
}

// Breaks a label into two lines at spaces, for narrow screens.
function broken(label) {
  const lines = [""];
  for (const word of label.split(" ")) {
    const last = lines.length - 1;
    if (last === 0 && lines[0] && (lines[0] + word).length > 13) lines.push(word);
    else lines[last] = lines[last] ? lines[last] + " " + word : word;
  }
  return lines.join("<br>");
}

function layoutOf(figure, style) {
  const layout = resolve(figure.layout, style);
  const colour = (name) => style.getPropertyValue(name).trim();
  const base = {
    gridcolor: colour("--line"), zerolinecolor: colour("--line"), linecolor: colour("--line"),
    automargin: true, fixedrange: touches, ticklabelstandoff: 4, separatethousands: true, exponentformat: "none",
  };
  const narrow = innerWidth < 600;
  for (const name of Object.keys(layout).filter((name) => /^[xy]axis/.test(name))) {
    layout[name] = { ...base, ...layout[name] };
    layout[name].title = { standoff: 8, font: { size: 13 }, ...layout[name].title };
    if (!narrow) continue;
    if (layout[name].nticks) layout[name].nticks = 4;
    if (layout[name].ticktext) layout[name].ticktext = layout[name].ticktext.map(broken);
    if (typeof layout[name].dtick === "number" && layout[name].type === "date") layout[name].dtick *= 3;
    if (layout[name].type === "log") {
      const [from, to] = layout[name].range;
      layout[name] = { ...layout[name], dtick: 2, range: [from, to + 0.2 * (to - from)] };
    }
  }
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false,
    font: { color: colour("--text"), family: getComputedStyle(document.body).fontFamily, size: 13 },
    hoverlabel: { bgcolor: colour("--wash"), bordercolor: colour("--line"), font: { color: colour("--text"), size: 13 } },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("--soft"), activecolor: colour("--accent") },
    hovermode: "closest", dragmode: touches ? false : "zoom",
    margin: { l: 8, r: 16, t: touches ? 8 : 28, b: 8 }, ...layout,
  };
}

function draw() {
  const style = getComputedStyle(root);
  for (const figure of figures) {
    const node = document.getElementById(figure.id);
    node.dataset.height ??= parseInt(node.style.height, 10);
    const isTall = innerWidth < 600 && figure.layout.yaxis?.ticktext;
    node.style.height = node.dataset.height * (isTall ? 1.4 : 1) + "px";
    const config = {
      displaylogo: false, responsive: true, locale: root.lang === "zh" ? "zh" : "en-US",
      displayModeBar: touches ? false : "hover", modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d"],
    };
    Plotly.react(node, dataOf(figure, style), layoutOf(figure, style), config);
  }
}

// Shows the row of a table that stands behind a point.
function point(id, row) {
  const table = document.getElementById(id + "-table");
  if (!table || typeof row !== "number") return;
  for (const other of document.querySelectorAll("tr.pointed")) other.classList.remove("pointed");
  const line = table.tBodies[0].rows[row];
  if (!line) return;
  line.classList.add("pointed");
  line.scrollIntoView({ block: "nearest" });
}

// Every point that can be walked to with the arrow keys.
function pointsOf(node) {
  const points = [];
  node.data.forEach((trace, curveNumber) => {
    if (trace.hoverinfo === "skip") return;
    if (trace.type === "heatmap") {
      trace.z.forEach((line, y) => line.forEach((_, x) => points.push({ curveNumber, pointNumber: [y, x] })));
    } else {
      trace.x.forEach((x, pointNumber) => {
        if (x !== null && trace.y[pointNumber] !== null) points.push({ curveNumber, pointNumber });
      });
    }
  });
  return points;
}

function listen(figure) {
  const node = document.getElementById(figure.id);
  let at = -1;
  node.on("plotly_click", (event) => point(figure.id, event.points[0].customdata));
  node.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const points = pointsOf(node);
    if (step && points.length) {
      at = at < 0 ? (step > 0 ? 0 : points.length - 1) : (at + step + points.length) % points.length;
      Plotly.Fx.hover(node, [points[at]]);
      event.preventDefault();
    } else if (event.key === "Enter" && at >= 0) {
      const { curveNumber, pointNumber } = points[at];
      const custom = node.data[curveNumber].customdata;
      if (custom && typeof pointNumber === "number") point(figure.id, custom[pointNumber]);
    } else if (event.key === "Escape") {
      at = -1;
      Plotly.Fx.unhover(node);
    }
  });
  node.addEventListener("blur", () => Plotly.Fx.unhover(node));
}

document.getElementById("switch").addEventListener("click", () => {
  root.lang = root.lang === "zh" ? "en" : "zh";
  draw();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
draw();
figures.forEach(listen);
