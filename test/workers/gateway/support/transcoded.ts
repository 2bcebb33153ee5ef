/** A service that speaks gRPC-Web, as an agent of the mesh does for one that speaks gRPC. */
import { type DescMessage, fromBinary, fromJson, type JsonValue, toBinary, toJson } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { grpcWebTrailers } from "../../../../shared/http/grpc-answer.ts";
import { grpcWebMessage } from "../../../../shared/http/grpc-web-frames.ts";
import type { RoutePlan } from "../../../../shared/plan/plan.ts";
import { readDescriptor } from "../../../../shared/transcode/descriptor.ts";
import { errorDetailTypes } from "../../../../shared/transcode/error-detail-types.ts";
import type { TranscodeSettings } from "../../../../shared/transcode/settings.ts";
import { sha256Base64url } from "../../../../workers/gateway/upstream/sha256.ts";
// @ts-expect-error: the bundler of the tests makes a data URL of it
import file from "../../../support/protos/kinds.binpb?inline";
import { type Gateway, startGateway } from "./gateway.ts";
import { plan, route } from "./plans.ts";

const base64 = String(file).slice(String(file).indexOf(",") + 1);
const bytes = Uint8Array.from(atob(base64), (one) => one.charCodeAt(0));
export const kinds = readDescriptor(bytes);

const message = (name: string): DescMessage => {
  const found = kinds.getMessage(name.includes(".") ? name : `test.kinds.${name}`);
  if (found === undefined) throw new Error(`no message ${name}`);
  return found;
};
export const encode = (name: string, value: JsonValue): Uint8Array =>
  toBinary(message(name), fromJson(message(name), value, { registry: kinds }));
export const decode = (name: string, given: Uint8Array): JsonValue =>
  toJson(message(name), fromBinary(message(name), given), { registry: kinds }) as JsonValue;

/** What came of a call. */
export interface Asked {
  readonly path: string;
  readonly headers: Headers;
  readonly message: Uint8Array;
}

export type Service = (asked: Asked, request: Request) => Response | Promise<Response>;

type Fields = readonly (readonly [name: string, value: string])[];

export const OK: Fields = [["grpc-status", "0"]];

/** An answer of messages, then trailers. */
export function answer(messages: readonly Uint8Array[], trailers: Fields = OK, headers: HeadersInit = {}): Response {
  const parts = [...messages.map(grpcWebMessage), grpcWebTrailers(trailers)];
  return new Response(new Blob(parts as Uint8Array<ArrayBuffer>[]).stream(), {
    headers: { "content-type": "application/grpc-web+proto", ...headers },
  });
}

/** A refusal, in the head alone or after one. @param message as it stands on the wire */
export function failure(
  code: number,
  message: string,
  isHead: boolean,
  more: Readonly<Record<string, string>>,
): Response {
  const fields = { "grpc-status": String(code), "grpc-message": message, ...more };
  if (!isHead) return answer([], Object.entries(fields));
  return new Response(null, { headers: { "content-type": "application/grpc-web+proto", ...fields } });
}

/** The value of `grpc-status-details-bin`, by details of `google.rpc`: JSON, or bytes. */
export function statusOf(details: readonly (readonly [type: string, value: JsonValue | Uint8Array])[]): string {
  const types = errorDetailTypes();
  const writer = new BinaryWriter().tag(1, WireType.Varint).int32(3);
  for (const [name, value] of details) {
    const type = types.getMessage(`google.rpc.${name}`);
    const packed = value instanceof Uint8Array || type === undefined ? value : toBinary(type, fromJson(type, value));
    const any = new BinaryWriter().tag(1, WireType.LengthDelimited).string(`type.googleapis.com/google.rpc.${name}`);
    any.tag(2, WireType.LengthDelimited).bytes(packed as Uint8Array);
    writer.tag(3, WireType.LengthDelimited).bytes(any.finish());
  }
  return btoa(String.fromCharCode(...writer.finish())).replace(/=+$/, "");
}

/** Gives the request's message back. */
export const echo: Service = (asked) => answer([asked.message]);

export interface World {
  readonly gateway: Gateway;
  readonly asked: Asked[];
  service: Service;
}

/** @param more of the route, which takes every path; of one that says itself what is transcoded, by the settings */
export async function startTranscoding(
  settings: Partial<TranscodeSettings> = {},
  more: Partial<RoutePlan> | ((transcode: TranscodeSettings) => Partial<RoutePlan>) = {},
): Promise<World> {
  const digest = await sha256Base64url(bytes);
  const transcode = { descriptor: digest, ...settings };
  const world: { service: Service; asked: Asked[] } = { service: echo, asked: [] };
  const gateway = await startGateway(
    plan([route("kinds", "/*", typeof more === "function" ? more(transcode) : { transcode, ...more })]),
    async (request) => {
      const content = new Uint8Array(await request.clone().arrayBuffer());
      const asked = { path: new URL(request.url).pathname, headers: request.headers, message: content.subarray(5) };
      world.asked.push(asked);
      return world.service(asked, request);
    },
  );
  gateway.control.artifacts.set(digest, bytes);
  return Object.assign(world, { gateway });
}

export const post = (body: JsonValue | string, headers: Record<string, string> = {}, method = "POST"): RequestInit => ({
  method,
  body: typeof body === "string" ? body : JSON.stringify(body),
  headers: { "content-type": "application/json", ...headers },
});

export async function said(response: Response): Promise<{ status: number; body: unknown; type: string | null }> {
  const text = await response.text();
  const type = response.headers.get("content-type");
  return { status: response.status, type, body: /[/+]json$/.test(type ?? "") ? JSON.parse(text) : text };
}

export const asks = async (world: World, path: string, init?: RequestInit) =>
  said(await world.gateway.fetch(path, init));
export const askedFor = ({ asked }: World, name = "Everything"): JsonValue =>
  decode(name, asked.at(-1)?.message ?? new Uint8Array());
