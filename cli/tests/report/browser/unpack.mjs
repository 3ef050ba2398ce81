// Unpacks Chromium, the libraries it needs and its one font beside the package; run once, after `npm ci`.
//
// The package was made for Lambda and unpacks into the directory for temporary files: TMPDIR says which.
import { inflate } from "@sparticuz/chromium";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const packed = fileURLToPath(new URL("./node_modules/@sparticuz/chromium/bin/", import.meta.url));
await Promise.all(["chromium.br", "al2023.tar.br", "fonts.tar.br"].map((name) => inflate(join(packed, name))));

// Only the font that is pinned with it: a page looks the same on every machine.
const place = process.env.TMPDIR;
writeFileSync(
  join(place, "fonts.conf"),
  `<?xml version="1.0"?>\n<fontconfig><dir>${place}/fonts</dir><cachedir>${place}/fonts-cache</cachedir></fontconfig>\n`,
);
