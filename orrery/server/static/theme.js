// Sets the theme before the first paint. Kept out of the modules, which run later.
(() => {
  let chosen = null;
  try {
    chosen = localStorage.getItem("orrery.theme");
  } catch {
    // storage is switched off: the system's theme it is
  }
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
})();
