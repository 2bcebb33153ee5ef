/** Where the live document uses its secrets. */
import { loadDocument } from "../../shared/config/load.ts";
import { placeName } from "../../shared/config/place-name.ts";
import { secretUses } from "../../shared/config/secret-uses.ts";
import type { VersionDetail } from "../../shared/wire/admin.ts";
import { fileName } from "../read-document.ts";

/** By secret, the first place that uses it: by names, and as `FILE:LINE` of what was applied. */
export type SecretPlaces = ReadonlyMap<string, { readonly place: string; readonly usedAt: string }>;

/** @param live undefined: nothing is */
export function secretPlaces(live: VersionDetail | undefined): SecretPlaces {
  if (live === undefined) return new Map();
  const { document, source, file } = live;
  const { positions } = loadDocument(source, file, () => "");
  return new Map(
    secretUses(document).map(({ name, paths: [path = []] }) => {
      const { line, file: included } = positions.find(path, "value");
      return [name, { place: placeName(document, path), usedAt: `${fileName(file, included)}:${line}` }];
    }),
  );
}
