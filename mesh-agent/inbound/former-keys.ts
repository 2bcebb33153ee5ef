/** Keys by their kid as the trust bundle has them; those of an authority that was replaced stay for a while. */
import { limits } from "../../shared/limits.ts";

export class FormerKeys<Key> {
  #keys: ReadonlyMap<string, Key> = new Map();
  #former: ReadonlyMap<string, Key> = new Map();
  #formerEndMs = 0;

  /**
   * @param isOtherAuthority the keys before were those of another one, which is not there any more to say that its keys are
   * still used: gateways go on with them until agents had the time to learn the new ones
   */
  replace(keys: ReadonlyMap<string, Key>, isOtherAuthority: boolean, nowMs: number): void {
    if (isOtherAuthority) {
      this.#former = this.#keys;
      this.#formerEndMs = nowMs + limits.keyRotation.formerKeysMs;
    }
    this.#keys = keys;
  }

  get(kid: string, nowMs: number): Key | undefined {
    return this.#keys.get(kid) ?? (nowMs < this.#formerEndMs ? this.#former.get(kid) : undefined);
  }
}
