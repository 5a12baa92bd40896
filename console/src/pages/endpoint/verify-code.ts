// How a receiver checks the signature of an endpoint's requests, as code for a few languages, by the scheme and its headers. Pure.
// The Node code of each scheme is run against the signatures that Hookledger makes (verify-code.spec.ts).

export type Scheme = 'NONE' | 'WEBHOOK_SHA256' | 'SIGNATURE_SHA256' | 'STANDARD_WEBHOOKS' | 'STANDARD_WEBHOOKS_ED25519';
export const languages = ['Node', 'Python', 'Go', 'PHP'] as const;
export type Language = (typeof languages)[number];

type Signed = Exclude<Scheme, 'NONE'>;

/** Of the two schemes that sign the body alone. */
const plain = { WEBHOOK_SHA256: ['x-webhook-signature', 'sha256='], SIGNATURE_SHA256: ['x-signature', ''] } as const;

const plainCode = (scheme: keyof typeof plain): Readonly<Record<Language, string>> => {
  const [header, prefix] = plain[scheme];
  return {
    Node: `import { createHmac, timingSafeEqual } from 'node:crypto';

/** @param body the bytes of the request's body, before they are parsed */
export const isGenuine = (headers, body, secret) => {
  const expected = Buffer.from(\`${prefix}\${createHmac('sha256', secret).update(body).digest('hex')}\`);
  const given = Buffer.from(String(headers['${header}']));
  return given.length === expected.length && timingSafeEqual(given, expected);
};
`,
    Python: `import hashlib, hmac

def is_genuine(headers, body: bytes, secret: str) -> bool:
    expected = "${prefix}" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(headers.get("${header}", ""), expected)
`,
    Go: `import ("crypto/hmac"; "crypto/sha256"; "encoding/hex"; "net/http")

func isGenuine(header http.Header, body []byte, secret string) bool {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	expected := "${prefix}" + hex.EncodeToString(mac.Sum(nil))
	return hmac.Equal([]byte(header.Get("${header}")), []byte(expected))
}
`,
    PHP: `function isGenuine(array $headers, string $body, string $secret): bool {
    $expected = '${prefix}' . hash_hmac('sha256', $body, $secret);
    return hash_equals($expected, $headers['${header}'] ?? '');
}
`,
  };
};

const standard: Readonly<Record<Language, string>> = {
  Node: `import { createHmac, timingSafeEqual } from 'node:crypto';

const toleranceSeconds = 300;

/** @param body the request's body as text, before it is parsed */
export const isGenuine = (headers, body, secret) => {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': list } = headers;
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > toleranceSeconds) return false;
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const expected = Buffer.from(\`v1,\${createHmac('sha256', key).update(\`\${id}.\${timestamp}.\${body}\`).digest('base64')}\`);
  return String(list).split(' ').map((each) => Buffer.from(each))
    .some((given) => given.length === expected.length && timingSafeEqual(given, expected));
};
`,
  Python: `import base64, hashlib, hmac, time

def is_genuine(headers, body: bytes, secret: str) -> bool:
    message_id, timestamp = headers["webhook-id"], headers["webhook-timestamp"]
    if abs(time.time() - int(timestamp)) > 300:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    expected = "v1," + base64.b64encode(digest).decode()
    return any(hmac.compare_digest(each, expected) for each in headers["webhook-signature"].split())
`,
  Go: `// go get github.com/standard-webhooks/standard-webhooks/libraries
import standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

func isGenuine(header http.Header, body []byte, secret string) bool {
	wh, err := standardwebhooks.NewWebhook(secret)
	return err == nil && wh.Verify(body, header) == nil
}
`,
  PHP: `function isGenuine(array $headers, string $body, string $secret): bool {
    ['webhook-id' => $id, 'webhook-timestamp' => $timestamp, 'webhook-signature' => $list] = $headers;
    if (abs(time() - (int) $timestamp) > 300) return false;
    $key = base64_decode(preg_replace('/^whsec_/', '', $secret));
    $expected = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$timestamp.$body", $key, true));
    foreach (explode(' ', $list) as $given) if (hash_equals($expected, $given)) return true;
    return false;
}
`,
};

const ed25519: Readonly<Record<Language, string>> = {
  Node: `import { createPublicKey, verify } from 'node:crypto';

const toleranceSeconds = 300;
/** What stands before the 32 bytes of an Ed25519 key in DER. */
const der = Buffer.from('302a300506032b6570032100', 'hex');

/** @param publicKey whpk_… @param body the request's body as text, before it is parsed */
export const isGenuine = (headers, body, publicKey) => {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': list } = headers;
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > toleranceSeconds) return false;
  const bytes = Buffer.from(publicKey.replace(/^whpk_/, ''), 'base64');
  const key = createPublicKey({ key: Buffer.concat([der, bytes]), format: 'der', type: 'spki' });
  const content = Buffer.from(\`\${id}.\${timestamp}.\${body}\`);
  return String(list).split(' ').filter((each) => each.startsWith('v1a,'))
    .some((each) => verify(null, content, key, Buffer.from(each.slice(4), 'base64')));
};
`,
  Python: `# pip install pynacl
import base64, time
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

def is_genuine(headers, body: bytes, public_key: str) -> bool:
    message_id, timestamp = headers["webhook-id"], headers["webhook-timestamp"]
    if abs(time.time() - int(timestamp)) > 300:
        return False
    key = VerifyKey(base64.b64decode(public_key.removeprefix("whpk_")))
    content = f"{message_id}.{timestamp}.".encode() + body
    for each in headers["webhook-signature"].split():
        scheme, _, signature = each.partition(",")
        try:
            if scheme == "v1a" and key.verify(content, base64.b64decode(signature)):
                return True
        except BadSignatureError:
            pass
    return False
`,
  Go: `import ("crypto/ed25519"; "encoding/base64"; "net/http"; "strings")

// Also compare webhook-timestamp with the time, and refuse what is older than five minutes.
func isGenuine(header http.Header, body []byte, publicKey string) bool {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(publicKey, "whpk_"))
	if err != nil || len(key) != ed25519.PublicKeySize {
		return false
	}
	content := []byte(header.Get("webhook-id") + "." + header.Get("webhook-timestamp") + "." + string(body))
	for _, each := range strings.Fields(header.Get("webhook-signature")) {
		signature, found := strings.CutPrefix(each, "v1a,")
		given, err := base64.StdEncoding.DecodeString(signature)
		if found && err == nil && ed25519.Verify(key, content, given) {
			return true
		}
	}
	return false
}
`,
  PHP: `function isGenuine(array $headers, string $body, string $publicKey): bool {
    ['webhook-id' => $id, 'webhook-timestamp' => $timestamp, 'webhook-signature' => $list] = $headers;
    if (abs(time() - (int) $timestamp) > 300) return false;
    $key = base64_decode(preg_replace('/^whpk_/', '', $publicKey));
    foreach (explode(' ', $list) as $each) {
        if (!str_starts_with($each, 'v1a,')) continue;
        if (sodium_crypto_sign_verify_detached(base64_decode(substr($each, 4)), "$id.$timestamp.$body", $key)) return true;
    }
    return false;
}
`,
};

const codes: Readonly<Record<Signed, Readonly<Record<Language, string>>>> = {
  WEBHOOK_SHA256: plainCode('WEBHOOK_SHA256'),
  SIGNATURE_SHA256: plainCode('SIGNATURE_SHA256'),
  STANDARD_WEBHOOKS: standard,
  STANDARD_WEBHOOKS_ED25519: ed25519,
};

export const verifyCode = (scheme: Signed, language: Language): string => codes[scheme][language];

/** The headers that a receiver looks at. */
export const signatureHeaders: Readonly<Record<Signed, readonly string[]>> = {
  WEBHOOK_SHA256: ['X-Webhook-Signature'],
  SIGNATURE_SHA256: ['x-signature-algo', 'x-signature'],
  STANDARD_WEBHOOKS: ['webhook-id', 'webhook-timestamp', 'webhook-signature'],
  STANDARD_WEBHOOKS_ED25519: ['webhook-id', 'webhook-timestamp', 'webhook-signature'],
};
