/** The price of an order in another currency: two services, one answer. */
import { defineHandler } from "selvage/policy";
import * as z from "zod/mini";

declare module "selvage/policy" {
  interface ServiceNames {
    orders: true;
    rates: true;
  }
}

interface Order {
  readonly id: string;
  readonly price: number;
}

export default defineHandler(z.strictObject({ currency: z.string() }), async (c) => {
  const { orders, rates } = c.get("services");
  const { currency } = c.get("settings");
  const { id = "" } = c.get("route").params;
  const [order, { rate }] = await Promise.all([
    orders.json<Order>(`/orders/${encodeURIComponent(id)}`),
    rates.json<{ rate: number }>(`/rates/${currency}`, { timeoutMs: 500 }),
  ]);
  c.get("log").info("quoted", { order: order.id, currency });
  return c.json({ order: order.id, price: order.price * rate, currency, tenant: c.get("tenant") });
});
