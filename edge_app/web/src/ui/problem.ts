/** Any error as one that has words for a person. */
import { Problem } from "../types";

export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  console.error(error);
  return new Problem("internal", String(error));
}
