/** The app's one engine, joined to the store. */
import { EngineBridge } from '../bridge/engine.ts';
import { engineOptions } from '../bridge/params.ts';
import { useApp } from '../store/index.ts';

export const engine = new EngineBridge(
  () => {
    const { engineChoice, pack, gpuGigabytes } = useApp.getState().settings;
    return {
      gpuBytes: Number(gpuGigabytes) * 1e9,
      ...engineOptions(location.search, document.baseURI, engineChoice, pack),
    };
  },
  (state) => useApp.getState().setEngine(state),
);
