(function () {
  "use strict";
  var root = document.documentElement, all = function (q, e) { return [].slice.call((e || document).querySelectorAll(q)); };
  root.classList.add("js");
  all(".fl-tools").forEach(function (e) { e.hidden = false; });

  var code = document.getElementById("fl-code");
  if (code) code.onclick = function () {
    var on = root.classList.toggle("fl-with-code");
    code.setAttribute("aria-pressed", on);
    all(".fl-code").forEach(function (e) { e.open = on; });
  };
  document.getElementById("fl-colours").onclick = function () {
    var set = root.dataset.theme, dark = set ? set === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  };

  var contents = document.querySelector(".fl-toc details"), links = all(".fl-toc a");
  if (contents && matchMedia("(max-width: 69.99rem)").matches) contents.open = false;
  if (links.length && window.IntersectionObserver) {
    var watch = new IntersectionObserver(function (seen) {
      seen.forEach(function (s) {
        if (s.isIntersecting) links.forEach(function (a) {
          if (decodeURIComponent(a.hash.slice(1)) === s.target.id) a.setAttribute("aria-current", "true");
          else a.removeAttribute("aria-current");
        });
      });
    }, { rootMargin: "0px 0px -75% 0px" });
    all("main h2[id], main h3[id]").forEach(function (h) { watch.observe(h); });
  }

  // A cell's value: a number (separators, percent, brackets for a loss), a date as it stands, else its text.
  function value(cell) {
    var t = cell.textContent.trim();
    if (/^(|[-\u2013\u2014\u00b7]|nan|none|nat|<na>|n\/a)$/i.test(t)) return null;
    if (/^\d{4}-\d\d/.test(t)) return t;
    var n = t.replace(/^[<>\u2264\u2265~\u2248\u00b1]\s*/, "").replace(/[,'\u2019\u00a0\u202f_\s]/g, "").replace(/\u2212/g, "-")
      .replace(/^\((.*)\)$/, "-$1").replace(/^([-+]?)(CN\u00a5|[\u00a5$\u20ac\u00a3]|CNY|USD|EUR)/, "$1").replace(/[*\u2020\u2021]+$/, "");
    var m = /^([-+]?\d*\.?\d+(?:e[-+]?\d+)?)(%|\u2030|pp|bp|[\u00d7x]|m?s|[KMB\u4e07\u4ebf\u5143])?$/i.exec(n);
    return m ? +m[1] * ({ k: 1e3, m: 1e6, b: 1e9, "\u4e07": 1e4, "\u4ebf": 1e8 }[(m[2] || "").toLowerCase()] || 1) : t;
  }
  function order(a, b) {
    if (typeof a === "number" && typeof b === "number") return a - b;
    return String(a).localeCompare(String(b), root.lang || undefined, { numeric: true });
  }
  all("table[data-sort]").forEach(function (table) {
    var heads = all("thead th", table), body = table.tBodies[0];
    heads.forEach(function (head, column) {
      if (!head.textContent.trim()) return;
      var button = document.createElement("button");
      button.type = "button";
      while (head.firstChild) button.appendChild(head.firstChild);
      head.appendChild(button);
      button.onclick = function () {
        var down = head.getAttribute("aria-sort") === "ascending";
        heads.forEach(function (h) { h.removeAttribute("aria-sort"); });
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        all("tr", body).map(function (row) { return [value(row.cells[column]), row]; }).sort(function (a, b) {
          if (a[0] === null || b[0] === null) return (a[0] === null) - (b[0] === null);
          return down ? order(b[0], a[0]) : order(a[0], b[0]);
        }).forEach(function (pair) { body.appendChild(pair[1]); });
      };
    });
  });
})();
