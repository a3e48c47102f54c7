/** The app's one engine, joined to the store. */
import { EngineBridge } from '../bridge/engine.ts';
import { engineOptions } from '../bridge/params.ts';
import { useApp } from '../store/index.ts';

export const engine = new EngineBridge(
  () => engineOptions(location.search, document.baseURI, useApp.getState().settings.engineChoice),
  (state) => useApp.getState().setEngine(state),
);
