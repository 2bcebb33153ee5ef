import { SelvageError } from "../errors.ts";

/** A value that asks for more than validation may cost. @throws SelvageError `content_too_complex` */
export function tooComplex(reason: string): never {
  throw new SelvageError("content_too_complex", `the value cannot be validated: ${reason}`);
}
