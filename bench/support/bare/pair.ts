/** Two calls at once and one answer of both: what a Worker does that composes answers by hand. */
export default {
  async fetch(_request: Request, env: { UPSTREAM: string }): Promise<Response> {
    const [order, user] = await Promise.all([read(`${env.UPSTREAM}/orders/42`), read(`${env.UPSTREAM}/users/42`)]);
    return Response.json({ order, user });
  },
};

async function read(url: string): Promise<unknown> {
  return (await fetch(url)).json();
}
