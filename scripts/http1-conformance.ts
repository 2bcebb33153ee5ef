/** `npm run -s test:http1-conformance`: docs/http1-conformance.md anew, with what our engine, llhttp and nginx do with each row. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { packageRoot } from "../cli/local/package-root.ts";
import { measureRequests, measureResponses } from "../test/conformance/http1/measure.ts";
import { hasNginx, nginxVersion } from "../test/conformance/http1/peer-readers.ts";
import {
  type RequestReading,
  type ResponseReading,
  type Row,
  requestRow,
  responseRow,
} from "../test/conformance/http1/readings.ts";
import type { RequestCase } from "../test/conformance/http1/request-cases.ts";
import type { ResponseCase } from "../test/conformance/http1/response-cases.ts";
import { ExitError, program, runProgram } from "./support/program.ts";

const file = path.join(packageRoot, "docs", "http1-conformance.md");
const HEAD = "| clause | row | Selvage | llhttp | nginx |\n| --- | --- | --- | --- | --- |";

const command = program("test:http1-conformance")
  .description("Measures the tables of docs/http1-conformance.md and writes it.")
  .action(async () => {
    if (!hasNginx) throw new ExitError(1, "nginx is not installed, and one column is its own");
    const [requests, responses] = [await measureRequests(), await measureResponses()];
    writeFileSync(file, page(requests, responses));
    process.stderr.write(`${requests.length} requests and ${responses.length} answers in ${file}\n`);
  });

function page(
  requests: readonly Row<RequestCase, RequestReading>[],
  responses: readonly Row<ResponseCase, ResponseReading>[],
): string {
  const passes = ({ statuses }: RequestReading): boolean => statuses[0] === 200;
  const accepts = ({ verdict }: ResponseReading): boolean => verdict !== "refused";
  const asked = counts(requests, passes);
  const answered = counts(responses, accepts);
  return `# HTTP/1.1 conformance

What the agent's engine (\`mesh-agent/proxy/http1\`) does with odd and broken messages, beside llhttp (the parser of \`node:http\`, Node
${process.versions.node}, llhttp ${process.versions.llhttp}) and ${nginxVersion()} as a reverse proxy, both with the settings that they come with. The engine
refuses what two parsers could read in two ways, and repairs nothing: what it lets pass, llhttp and nginx read with the same
boundaries, or refuse. \`npm test\` checks that, and the column of Selvage.

\`npm run -s test:http1-conformance\` measures the tables and writes this page. The rows are data in
\`test/conformance/http1/*-cases.ts\`; differential fuzz against llhttp is in \`test/fuzz\`, longer by
\`npm run test:long -- http1-fuzz\`.

| | rows | Selvage lets pass | llhttp | nginx |
| --- | --- | --- | --- | --- |
| requests | ${requests.length} | ${asked} |
| answers | ${responses.length} | ${answered} |

Clauses are of RFC 9112 unless they name another.

## Requests

\`200\`: understood and answered; \`200+5\`: with a body of 5 bytes; several: several requests were seen; \`closes\`: the connection ends; \`waits\`:
for more bytes. A 4xx or 5xx is the refusal, of nginx's application where nginx itself let it pass.

${HEAD}
${requests.map(requestRow).join("\n")}

## Answers

\`200+5\`: passed on with a body of 5 bytes; \`refused\`: nothing of it was passed on, the caller gets 502 or an error; \`breaks off\`: passed on until
the fault was found, then broken off.

${HEAD}
${responses.map(responseRow).join("\n")}
`;
}

function counts<R>(rows: readonly Row<unknown, R>[], passes: (reading: R) => boolean): string {
  const of = (readings: readonly (R | undefined)[]): number =>
    readings.filter((reading) => reading !== undefined && passes(reading)).length;
  return [rows.map(({ ours }) => ours), rows.map(({ llhttp }) => llhttp), rows.map(({ nginx }) => nginx)]
    .map(of)
    .join(" | ");
}

await runProgram(command);
