"use strict";
(() => {
  const specs = JSON.parse(document.getElementById("charts").textContent);
  const options = {
    mode: "vega-lite",
    renderer: "svg",
    actions: false,
    ast: true, // expressions are interpreted: the page's policy forbids compiling them
    defaultStyle: false,
    tooltip: { disableDefaultStyle: true },
  };
  const drawn = [...document.querySelectorAll("[data-chart]")].map((place) =>
    window.vegaEmbed(place, specs[Number(place.dataset.chart)], options).catch((wrong) => {
      place.textContent = `This chart could not be drawn: ${wrong.message}`;
    }),
  );
  Promise.all(drawn).then(() => document.documentElement.classList.add("drawn"));
})();
