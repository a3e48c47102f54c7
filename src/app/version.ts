/** As package.json has it; put in by the build, and not there in unit tests. */
declare const __APP_VERSION__: string | undefined;
export const APP_VERSION: string = typeof __APP_VERSION__ === 'undefined' ? '' : __APP_VERSION__;
