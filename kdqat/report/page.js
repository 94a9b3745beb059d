"use strict";
(() => {
  // Okabe and Ito's colours (https://jfly.uni-koeln.de/color), which colour-blind people can tell apart; the first
  // is the text's. The yellow is darker on white and the blue lighter on black, to be seen at all.
  const themes = {
    light: {
      background: "#ffffff", foreground: "#1f2328", muted: "#5b6470", line: "#d8dde3", grid: "#e9ecf0",
      diverging: ["#0072b2", "#c9ced5", "#d55e00"],
      category: ["#1f2328", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#a89b00"],
      ramp: ["#440154", "#482878", "#3e4989", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#a5c92a"],
    },
    dark: {
      background: "#14171b", foreground: "#e4e7eb", muted: "#9aa4b0", line: "#4a525d", grid: "#272c33",
      diverging: ["#4ea3dc", "#4a525d", "#f0803c"],
      category: ["#e4e7eb", "#4ea3dc", "#f0803c", "#1fbf8f", "#dc93bb", "#e69f00", "#8fd0f5", "#f0e442"],
      ramp: ["#7d51b8", "#6a6fc8", "#4f88c4", "#3b9cb8", "#2eb0a4", "#3dc488", "#6fd463", "#aee04a", "#fde725"],
    },
  };

  const config = (theme, width) => ({
    background: null,
    font: getComputedStyle(document.body).fontFamily,
    signals: [
      { name: "foreground", value: theme.foreground },
      { name: "background", value: theme.background },
      { name: "accent", value: theme.category[1] },
      { name: "page_width", value: width },
    ],
    range: { category: theme.category, diverging: theme.diverging, ramp: theme.ramp },
    axis: {
      domainColor: theme.line, tickColor: theme.line, gridColor: theme.grid, labelColor: theme.muted,
      titleColor: theme.muted, titleFontWeight: "normal", labelFontSize: 11, titleFontSize: 12, tickSize: 4,
      labelPadding: 4, titlePadding: 8,
    },
    legend: {
      labelColor: theme.foreground, titleColor: theme.muted, titleFontWeight: "normal", labelFontSize: 12,
      titleFontSize: 12, symbolStrokeWidth: 2.5, gradientLabelOffset: 5,
    },
    title: { color: theme.foreground, anchor: "start", fontSize: 13, fontWeight: 600, offset: 8 },
    text: { color: theme.foreground },
  });

  const tooltip = document.createElement("div");
  tooltip.id = "tooltip";
  tooltip.hidden = true;
  document.body.append(tooltip);

  function tooltipRow({ name, text, colour }) {
    const row = document.createElement("tr");
    const label = row.insertCell();
    if (colour) {
      const mark = document.createElement("i");
      mark.style.background = colour;
      label.append(mark);
    }
    label.append(name);
    row.insertCell().append(text);
    return row;
  }

  function showTooltip(value, pointer) {
    tooltip.hidden = value === null || value === undefined;
    if (tooltip.hidden) return;
    const { title, rows = [] } = typeof value === "object" ? value : { title: String(value) };
    const heading = document.createElement("strong");
    heading.append(title);
    const table = document.createElement("table");
    table.append(...rows.map(tooltipRow));
    tooltip.replaceChildren(heading, table);
    const { width, height } = tooltip.getBoundingClientRect();
    const gap = 14;
    const left = pointer.x + gap + width < innerWidth ? pointer.x + gap : pointer.x - gap - width;
    tooltip.style.left = `${Math.max(0, left)}px`;
    tooltip.style.top = `${Math.max(0, Math.min(pointer.y + gap, innerHeight - height - gap))}px`;
  }

  // The figure under the pointer: the ones linked to it follow, but only its own values are shown beside the pointer.
  let pointed = null;
  let sharing = false;

  class Chart {
    constructor(figure, number) {
      this.container = figure.querySelector(".chart");
      this.caption = figure.querySelector("figcaption").textContent;
      this.specification = JSON.parse(figure.querySelector("script").textContent);
      this.name = `figure-${number}`;
      this.pointer = { x: 0, y: 0 };
      this.container.addEventListener("pointermove", event => {
        this.pointer = event;
        pointed = this;
      }, { capture: true });
      this.container.addEventListener("pointerleave", () => showTooltip(null));
      figure.querySelector("figcaption").append(this.saveLinks());
    }

    view(theme, options) {
      const runtime = vega.parse({ description: this.caption, ...this.specification }, config(theme, this.width));
      return new vega.View(runtime, options).width(this.width);
    }

    draw(theme) {
      this.drawn?.finalize();
      this.container.replaceChildren();
      this.width = this.container.clientWidth;
      try {
        this.drawn = this.view(theme, { renderer: "svg", container: this.container, hover: true });
        this.drawn.tooltip((handler, event, item, value) => showTooltip(value, this.pointer));
        if (this.specification.signals?.some(signal => signal.name === "tooltip")) {
          this.drawn.addSignalListener("tooltip", (name, value) => {
            if (pointed === this || !sharing) showTooltip(value, this.pointer);
          });
        }
        this.drawn.run();
        for (const signal of this.specification.usermeta?.signals ?? []) {
          this.drawn.addSignalListener(signal, (name, value) => this.share(name, value));
        }
      } catch (error) {
        console.error(this.name, error);
        const message = document.createElement("p");
        message.className = "error";
        message.append(`This figure could not be drawn: ${error.message}`);
        this.container.replaceChildren(message);
      }
    }

    resize() {
      if (!this.drawn || this.width === this.container.clientWidth) return;
      this.width = this.container.clientWidth;
      this.drawn.width(this.width).signal("page_width", this.width).resize().run();
    }

    // Gives a signal's new value to the figures of the same link.
    share(name, value) {
      if (sharing) return;
      sharing = true;
      for (const chart of charts) {
        if (chart !== this && chart.specification.usermeta?.link === this.specification.usermeta.link) {
          chart.drawn?.signal(name, value).run();
        }
      }
      sharing = false;
    }

    saveLinks() {
      const links = document.createElement("span");
      links.className = "save";
      for (const type of ["svg", "png"]) {
        const button = document.createElement("button");
        button.type = "button";
        button.append(type.toUpperCase());
        button.title = `Save this figure as ${type.toUpperCase()}`;
        button.addEventListener("click", () => this.save(type));
        links.append(button);
      }
      return links;
    }

    // A saved figure goes into papers and slides: it is in the light colours, whatever the page is in.
    async save(type) {
      const view = this.view(themes.light, { renderer: "none" }).background(themes.light.background);
      for (const { name, bind } of this.specification.signals ?? []) {
        if (bind) view.signal(name, this.drawn.signal(name));
      }
      const link = document.createElement("a");
      link.href = await view.toImageURL(type, 2);
      link.download = `${this.name}.${type}`;
      link.click();
      view.finalize();
    }
  }

  const charts = [...document.querySelectorAll("figure")].map((figure, index) => new Chart(figure, index + 1));
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const draw = theme => charts.forEach(chart => chart.draw(theme));
  const drawForScreen = () => draw(dark.matches ? themes.dark : themes.light);

  drawForScreen();
  dark.addEventListener("change", drawForScreen);
  addEventListener("beforeprint", () => draw(themes.light));
  addEventListener("afterprint", drawForScreen);
  const observer = new ResizeObserver(() => charts.forEach(chart => chart.resize()));
  charts.forEach(chart => observer.observe(chart.container));
})();
