/** Plays the issuer: prints a token of the key that RFC 7515 publishes in appendix A.3. Never trust that key elsewhere. */
import { importJWK, SignJWT } from "jose";

const key = await importJWK(
  {
    kty: "EC",
    crv: "P-256",
    x: "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    y: "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    d: "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
  },
  "ES256",
);
const [sub = "ann", scope = "orders:read"] = process.argv.slice(2);
const token = await new SignJWT({ sub, scope })
  .setProtectedHeader({ alg: "ES256" })
  .setIssuer("https://login.shop.example/")
  .setAudience("shop-api")
  .setIssuedAt()
  .setExpirationTime("10m")
  .sign(key);
console.log(token);
