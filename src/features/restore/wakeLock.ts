/** Keeps the screen on while a job runs. The browser drops the lock when the tab is hidden, so it is asked for again. */
export function keepAwake(): () => void {
  if (!('wakeLock' in navigator)) return () => {};
  let over = false;
  let lock: WakeLockSentinel | null = null;
  const ask = async () => {
    if (over || document.visibilityState !== 'visible' || lock?.released === false) return;
    try {
      lock = await navigator.wakeLock.request('screen');
      if (over) void lock.release();
    } catch {
      // Low battery or a policy: the job runs all the same.
    }
  };
  const onVisible = () => void ask();
  document.addEventListener('visibilitychange', onVisible);
  void ask();
  return () => {
    over = true;
    document.removeEventListener('visibilitychange', onVisible);
    void lock?.release();
  };
}
