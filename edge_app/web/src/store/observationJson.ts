/** Observations as JSON, the photos named instead of contained; checked on the way in. */
import { list, match, number, oneOf, optional, record, text, whole } from "../core/check";
import type { Guess, Observation, Verdict } from "../types";

export const SCHEMA = "bombus/observations@1";

/** An observation whose photos are names of files. */
export type ObservationJson = Omit<Observation, "photos"> & { photos: string[] };

/** Becomes a part of file names. */
const ID = /^[A-Za-z0-9_-]{1,64}$/;
const DATE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

export function toJson(observations: readonly ObservationJson[]): string {
  return `${JSON.stringify({ schema: SCHEMA, observations }, null, 1)}\n`;
}

/** @throws SyntaxError or Invalid for anything else than what `toJson` writes */
export function fromJson(json: string): ObservationJson[] {
  const top = record(JSON.parse(json), "observations.json");
  oneOf(SCHEMA)(top["schema"], "schema");
  return list(observation)(top["observations"], "observations");
}

function observation(value: unknown, place: string): ObservationJson {
  const fields = record(value, place);
  const bundle = record(fields["bundle"], `${place}.bundle`);
  return {
    id: match(ID)(fields["id"], `${place}.id`),
    date: match(DATE)(fields["date"], `${place}.date`),
    photos: list(text, 0, 100)(fields["photos"], `${place}.photos`),
    verdict: verdict(fields["verdict"], `${place}.verdict`),
    bundle: {
      name: text(bundle["name"], `${place}.bundle.name`),
      version: text(bundle["version"], `${place}.bundle.version`),
      artefact: text(bundle["artefact"], `${place}.bundle.artefact`),
    },
    ...optional(fields, "correction", text, place),
    ...optional(fields, "notes", text, place),
    ...optional(fields, "place", location, place),
  };
}

function verdict(value: unknown, place: string): Verdict {
  const fields = record(value, place);
  return {
    kind: oneOf("sure", "unsure", "unknown")(fields["kind"], `${place}.kind`),
    known: number(0, 1)(fields["known"], `${place}.known`),
    guesses: list(guess, 0, 100)(fields["guesses"], `${place}.guesses`),
    photos: whole(0, 1000)(fields["photos"], `${place}.photos`),
  };
}

function guess(value: unknown, place: string): Guess {
  const fields = record(value, place);
  return {
    label: text(fields["label"], `${place}.label`),
    confidence: number(0, 1)(fields["confidence"], `${place}.confidence`),
  };
}

function location(value: unknown, place: string): NonNullable<Observation["place"]> {
  const fields = record(value, place);
  return {
    latitude: number(-90, 90)(fields["latitude"], `${place}.latitude`),
    longitude: number(-180, 180)(fields["longitude"], `${place}.longitude`),
    accuracy: number(0)(fields["accuracy"], `${place}.accuracy`),
  };
}
