/** Webhooks as their specifications and vendors publish them, with secret, time and content. */
import type { WebhookStyleName } from "../../shared/auth/webhook.ts";

export interface PublishedWebhook {
  readonly from: string;
  readonly style: WebhookStyleName;
  readonly secret?: string;
  readonly publicKey?: string;
  /** Seconds since the epoch. */
  readonly at: number;
  readonly fields: Readonly<Record<string, string>>;
  readonly content: string;
}

const slackContent =
  "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";

export const publishedWebhooks: readonly PublishedWebhook[] = [
  {
    from: "Standard Webhooks, v1",
    style: "standard",
    secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    at: 1_614_265_330,
    fields: {
      "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
      "webhook-timestamp": "1614265330",
      "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    },
    content: '{"test": 2432232314}',
  },
  {
    from: "Standard Webhooks, v1 among others, secret without its prefix",
    style: "standard",
    secret: "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    at: 1_614_265_330,
    fields: {
      "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
      "webhook-timestamp": "1614265330",
      "webhook-signature":
        "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= v2,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc=",
    },
    content: '{"test": 2432232314}',
  },
  {
    from: "Standard Webhooks, v1a",
    style: "standard",
    // Of the published seed "TESTSIGNINGKEYDONOTUSETHISFORANY".
    publicKey: "ZlN4eg7dSSqi0moX9hQUk3orrOouK3QVQSlJa248c/g=",
    at: 1_614_265_330,
    fields: {
      "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
      "webhook-timestamp": "1614265330",
      "webhook-signature":
        "v1a,tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7KaaBRdM5WqyeFiL8Ag==",
    },
    content: '{"test": 2432232314}',
  },
  {
    from: "Svix",
    style: "svix",
    secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    at: 1_614_265_330,
    fields: {
      "svix-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
      "svix-timestamp": "1614265330",
      "svix-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    },
    content: '{"test": 2432232314}',
  },
  {
    from: "GitHub",
    style: "github",
    secret: "It's a Secret to Everybody",
    at: 1_700_000_000,
    fields: { "x-hub-signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17" },
    content: "Hello, World!",
  },
  {
    from: "Slack",
    style: "slack",
    secret: "8f742231b10e8888abcd99yyyzzz85a5",
    at: 1_531_420_618,
    fields: {
      "x-slack-request-timestamp": "1531420618",
      "x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
    },
    content: slackContent,
  },
];
