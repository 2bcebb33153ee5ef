/** What every hop adds, so that they do the same work. */
export const requestFields = [
  ["traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"],
  ["x-request-source", "external"],
] as const;
export const responseFields = [["x-hop", "1"]] as const;
