/** Told when nothing was heard for too long. */
export interface Watchdog {
  pat: () => void;
  stop: () => void;
  /** Silence is expected while `on` is true. */
  hush: (on: boolean) => void;
}

/** Ticks of the clock are counted, not its time: a tab that was frozen or a machine that slept has heard nothing, rightly. */
const TICK_MS = 1000;

/** Calls `late` once after `ms` of the page being awake without a pat. */
export function watch(ms: number, late: () => void): Watchdog {
  let silent = 0;
  let hushed = false;
  const timer = setInterval(() => {
    if (hushed) return;
    silent += TICK_MS;
    if (silent < ms) return;
    clearInterval(timer);
    late();
  }, TICK_MS);
  const pat = () => {
    silent = 0;
  };
  return {
    pat,
    stop: () => clearInterval(timer),
    hush: (on) => {
      hushed = on;
      pat();
    },
  };
}
