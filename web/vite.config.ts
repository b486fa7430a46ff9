import { defineConfig } from "vite";

// The chore names the folder that it builds into; names of assets change with their contents.
export default defineConfig({
  build: { outDir: process.env.CIRCLE_WEB_OUT ?? "dist", emptyOutDir: true, assetsInlineLimit: 0, modulePreload: false },
  // For work on the page: `circle up` beside it answers what the page asks.
  server: { proxy: { "/api": { target: "http://127.0.0.1:8080", ws: true } } },
});
