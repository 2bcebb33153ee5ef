/** Answers, odd and broken, and what a caller makes of them. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createHttp1Pool } from "../../../mesh-agent/proxy/http1/client-pool.ts";
import { FieldList } from "../../../shared/http/field-list.ts";
import { afterRounds } from "./raw-client.ts";
import type { Outcome } from "./response-cases.ts";
import { acceptedAnswers, responseTable } from "./response-table.ts";
import { ScriptedUpstream } from "./scripted-upstream.ts";

let upstream: ScriptedUpstream;
beforeAll(async () => {
  upstream = await ScriptedUpstream.start();
});
afterAll(() => upstream.close());

function ask(method: string, raw: string, ends: boolean, cut: number): Promise<Outcome> {
  const target = upstream.add({ raw, ends, cut });
  const pool = createHttp1Pool({ host: "127.0.0.1", port: upstream.port });
  const exchange = pool.send({ method, target, fields: new FieldList(["host", "h"]), bodyLength: 0 }, 5_000);
  const outcome: Outcome = { interim: [], body: "" };
  return new Promise((resolve) => {
    const finish = (): void => {
      // Surplus bytes may come with the next turn.
      afterRounds(() => {
        outcome.reused = pool.counts().idle === 1;
        pool.close();
        resolve(outcome);
      });
    };
    exchange.onInform((status) => outcome.interim?.push(status));
    exchange.onFail((error) => {
      outcome.fail = error.kind;
      finish();
    });
    exchange.onResponse((head, body) => {
      Object.assign(outcome, { status: head.status, fields: [...head.fields], bodyLength: head.bodyLength });
      body.onChunk((chunk) => {
        outcome.body += chunk.toString("latin1");
      });
      body.onEnd((trailers) => {
        outcome.trailers = [...trailers];
        finish();
      });
    });
    exchange.body.end();
  });
}

describe.concurrent("answers", () => {
  test.for(responseTable)("$clause: $title ($method)", async ({ method, raw, ends, outcome }) => {
    expect(await ask(method, raw, ends, 0)).toMatchObject(outcome);
  });

  test.for(acceptedAnswers)("cut in two anywhere: $title ($method)", async ({ method, raw, ends, outcome }) => {
    const cuts = [...raw].map((_character, at) => at).filter((at) => at % 3 === 1);
    const results = await Promise.all(cuts.map((cut) => ask(method, raw, ends, cut)));
    for (const result of results) expect(result).toMatchObject(outcome);
  });
});
