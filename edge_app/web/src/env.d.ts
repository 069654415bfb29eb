/** Constants that vite.config.ts writes into the build. */
declare const APP_VERSION: string;
declare const RUNTIME_CACHE: string;
