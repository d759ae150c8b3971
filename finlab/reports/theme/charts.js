(() => {
  "use strict";
  // Nothing is fetched: no data, no picture but those within the page; a link in a chart leads nowhere.
  const refuse = () => Promise.reject(Error("not on this page"));
  const loader = { load: refuse, http: refuse, file: refuse,
    sanitize: uri => /^data:image\//.test(uri) ? Promise.resolve({ href: uri }) : refuse() };
  // Where the pointer is answered: within the page's main part, not after it.
  const tip = document.createElement("div");
  tip.id = "vg-tooltip-element";
  document.getElementById("fl-main").append(tip);
  document.querySelectorAll(".fl-vega").forEach(figure => {
    const live = figure.querySelector(".fl-live"), spec = JSON.parse(figure.querySelector("script").textContent);
    live.hidden = false;
    live.tabIndex = 0;
    window.flVega(live, spec, { mode: "vega-lite", ast: true, renderer: "svg", actions: false, defaultStyle: false, loader,
      logLevel: 0, tooltip: { disableDefaultStyle: true } })
      .then(() => figure.classList.add("fl-on"), () => live.remove());
  });
})();
