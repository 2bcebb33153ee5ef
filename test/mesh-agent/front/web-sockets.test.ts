/** How many WebSockets a front takes. */
import { expect, test } from "vitest";
import { WebSockets } from "../../../mesh-agent/front/web-sockets.ts";
import { limits } from "../../../shared/limits.ts";

test("as many as there is room for, also when their routes allow more", () => {
  const webSockets = new WebSockets(() => undefined);
  const { tunnelsMax } = limits.front;
  const bounds = { route: "chat", idleMs: undefined, upgradedMax: tunnelsMax };
  webSockets.open = tunnelsMax - 1;
  expect([webSockets.fullness(), webSockets.fullness(bounds)]).toEqual([undefined, undefined]);
  webSockets.open++;
  expect(webSockets.fullness()).toBe(`there are ${tunnelsMax} WebSockets already`);
  expect(webSockets.fullness(bounds)).toBe(`there are ${tunnelsMax} WebSockets already`);
});
