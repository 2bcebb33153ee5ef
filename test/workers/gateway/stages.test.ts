/** How stages run, whatever they do. */
import { createExecutionContext } from "cloudflare:test";
import { describe, expect, test } from "vitest";
import type { Env } from "../../../workers/gateway/env.ts";
import { Context } from "../../../workers/gateway/upstream/context.ts";
import type { GatewayEnv } from "../../../workers/gateway/upstream/exchange.ts";
import { runStages, type Stage } from "../../../workers/gateway/upstream/stages.ts";

/** The way of one request: what each stage was called for, and the answer. */
async function way(
  build: (say: (word: string) => void) => readonly Stage[],
): Promise<[words: string[], answer: string]> {
  const words: string[] = [];
  const stages = build((word) => void words.push(word));
  const run = runStages(stages, (error, c) => {
    words.push(`problem ${error.message}`);
    return c.body(error.message, 500);
  });
  const request = new Request("http://gateway/");
  const response = await run(new Context<GatewayEnv>(request, {} as Env, createExecutionContext()));
  return [words, `${response.status} ${await response.text()}`];
}

describe("stages", () => {
  const passing = (name: string, say: (word: string) => void): Stage => ({
    enter: () => void say(`${name} in`),
    leave: () => say(`${name} out`),
  });
  const ending: Stage = { enter: () => new Response("answer") };

  test("the first is the outermost, whether it has to wait or not", async () => {
    const [words, answer] = await way((say) => [
      passing("a", say),
      {
        enter: async () => void say("b in"),
        leave: async () => say("b out"),
      },
      {
        needs: () => true,
        around: async (_c, next) => {
          say("c in");
          await next();
          say("c out");
        },
      },
      passing("d", say),
      ending,
      passing("never", say),
    ]);
    expect(words).toEqual(["a in", "b in", "c in", "d in", "d out", "c out", "b out", "a out"]);
    expect(answer).toBe("200 answer");
  });

  test("one that answers or refuses is not left, those around it see the answer", async () => {
    const answered: string[] = [];
    const looking: Stage = { leave: (c) => void answered.push(String(c.res.status)) };
    const refuses = (how: () => never | Promise<never>, say: (word: string) => void): Stage => ({
      enter: how,
      leave: () => say("left"),
    });
    const now = (): never => {
      throw new Error("refused");
    };
    const later = async (): Promise<never> => now();
    for (const how of [now, later]) {
      const [words, answer] = await way((say) => [looking, refuses(how, say), passing("never", say)]);
      expect([words, answer]).toEqual([["problem refused"], "500 refused"]);
    }
    expect(answered).toEqual(["500", "500"]);
  });

  test("what fails on the way out is the answer, and those further out go on", async () => {
    const [words, answer] = await way((say) => [
      passing("a", say),
      {
        leave: () => {
          throw new Error("late");
        },
      },
      passing("b", say),
      ending,
    ]);
    expect(words).toEqual(["a in", "b in", "b out", "problem late", "a out"]);
    expect(answer).toBe("500 late");
  });

  test("a failure inside is an answer to a stage that stands around it", async () => {
    const [words] = await way((say) => [
      {
        needs: () => true,
        around: async (c, next) => {
          await next();
          say(`saw ${c.res.status}`);
        },
      },
      {
        enter: () => {
          throw new Error("inside");
        },
      },
    ]);
    expect(words).toEqual(["problem inside", "saw 500"]);
  });

  test("one around that is not needed is passed by, one that answers keeps the rest away", async () => {
    const around = (needed: boolean): Stage => ({ needs: () => needed, around: async () => new Response("around") });
    expect((await way((say) => [around(false), passing("a", say), ending]))[1]).toBe("200 answer");
    expect(await way((say) => [passing("a", say), around(true), passing("never", say)])).toEqual([
      ["a in", "a out"],
      "200 around",
    ]);
  });
});
