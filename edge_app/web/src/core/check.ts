/** Reads values that come from outside. Each check returns its value or throws `Invalid`. */

export class Invalid extends Error {
  constructor(place: string, wanted: string) {
    super(`${place}: ${wanted} is missing or wrong`);
    this.name = "Invalid";
  }
}

export type Fields = Record<string, unknown>;
type Check<T> = (value: unknown, place: string) => T;

export function record(value: unknown, place: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Invalid(place, "an object");
  }
  return value as Fields;
}

export function text(value: unknown, place: string): string {
  if (typeof value !== "string" || value.length > 100_000) throw new Invalid(place, "a text");
  return value;
}

/** A text that matches the whole of `pattern`. */
export function match(pattern: RegExp): Check<string> {
  return (value, place) => {
    if (typeof value !== "string" || !pattern.test(value)) throw new Invalid(place, `${pattern}`);
    return value;
  };
}

/** A finite number within both bounds. */
export function number(least = -Infinity, greatest = Infinity): Check<number> {
  return (value, place) => {
    if (!Number.isFinite(value) || (value as number) < least || (value as number) > greatest) {
      throw new Invalid(place, "a number");
    }
    return value as number;
  };
}

export function whole(least: number, greatest: number): Check<number> {
  return (value, place) => {
    if (!Number.isInteger(value)) throw new Invalid(place, "a whole number");
    return number(least, greatest)(value, place);
  };
}

export function oneOf<const T>(...allowed: T[]): Check<T> {
  return (value, place) => {
    if (!allowed.includes(value as T)) throw new Invalid(place, `one of ${allowed.join(", ")}`);
    return value as T;
  };
}

export function list<T>(item: Check<T>, least = 0, greatest = 100_000): Check<T[]> {
  return (value, place) => {
    if (!Array.isArray(value) || value.length < least || value.length > greatest) {
      throw new Invalid(place, "a list");
    }
    return value.map((one, i) => item(one, `${place}[${i}]`));
  };
}

export function mapping<T>(item: Check<T>): Check<Record<string, T>> {
  return (value, place) =>
    Object.fromEntries(
      Object.entries(record(value, place)).map(([k, v]) => [k, item(v, `${place}.${k}`)]),
    );
}

/** `{ [key]: value }`, or nothing where the key is absent. */
export function optional<K extends string, T>(
  fields: Fields,
  key: K,
  check: Check<T>,
  place: string,
): { [P in K]?: T } {
  const value = fields[key];
  if (value === undefined || value === null) return {};
  return { [key]: check(value, `${place}.${key}`) } as { [P in K]?: T };
}
