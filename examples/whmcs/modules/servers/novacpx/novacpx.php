<?php
/**
 * WHMCS provisioning module for NovaCPX: talks to the billing bridge of novacpx-api (/api/whmcs/...).
 *
 * Of the server entry in WHMCS it uses the host name (or else the IP address), the port (8882), "Secure", and the
 * access hash, whose first line is the bridge's key. Lines below may say how the certificate is judged, which without
 * them is as for any web site:
 *
 *     ca=/etc/ssl/novacpx.pem   only certificates of this file count
 *     pin=sha256//BASE64=       only this public key counts (for a self-signed certificate)
 *     verify=no                 any certificate does: whoever sits between can read the key
 *
 * Every function returns what WHMCS expects and never throws; what goes wrong is a sentence for the person in WHMCS.
 * An account is acted on only when the service's domain and user name both name it, so that a service whose creation
 * failed for a name that was taken never suspends or deletes somebody else.
 *
 * PHP 7.4 or later with the curl extension.
 */

if (!defined('WHMCS')) {
    die('This file cannot be opened directly.');
}

final class NovaCpxError extends RuntimeException
{
    /** HTTP status; 0: there was no answer of the API */
    public int $status;

    public function __construct(string $message, int $status = 0)
    {
        parent::__construct($message);
        $this->status = $status;
    }
}

final class NovaCpxBridge
{
    private const PORT = 8882;
    private const CONNECT_SECONDS = 10;
    /** How long the API may wait until the engine has done what was written; then all in all. */
    private const WAIT_SECONDS = 20;
    private const TOTAL_SECONDS = 60;

    private string $base;
    private string $key = '';
    private ?string $ca = null;
    private ?string $pin = null;
    private bool $verifies = true;

    public function __construct(array $params)
    {
        $this->base = self::baseOf($params);
        $this->readAccessHash((string) ($params['serveraccesshash'] ?? ''));
    }

    public static function hostOf(array $params): string
    {
        $host = trim((string) ($params['serverhostname'] ?? '')) ?: trim((string) ($params['serverip'] ?? ''));
        if ($host === '') {
            throw new NovaCpxError('The server entry in WHMCS has neither a host name nor an IP address.');
        }
        if (filter_var($host, FILTER_VALIDATE_IP, FILTER_FLAG_IPV6)) {
            return "[$host]";
        }
        if (!preg_match('/^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/', $host)) {
            throw new NovaCpxError("The server's host name \"$host\" in WHMCS is not a host name: "
                . 'it needs the name alone, without https:// and without a port.');
        }
        return $host;
    }

    private static function baseOf(array $params): string
    {
        $host = self::hostOf($params);
        $port = (int) ($params['serverport'] ?? 0) ?: self::PORT;
        $secure = $params['serversecure'] ?? true;
        $isSecure = $secure === 'on' || filter_var($secure, FILTER_VALIDATE_BOOLEAN);
        // Plain HTTP would show the key and every password to the network; the API serves it on the loopback alone.
        if (!$isSecure && !in_array($host, ['localhost', '127.0.0.1', '[::1]'], true)) {
            throw new NovaCpxError("The server entry in WHMCS is not \"Secure\": without TLS the key would cross the "
                . "network in clear, so that is done for localhost only, not for $host. Tick \"Secure\".");
        }
        return ($isSecure ? 'https' : 'http') . "://$host:$port";
    }

    private function readAccessHash(string $text): void
    {
        $lines = array_map('trim', explode("\n", $text));
        $this->key = (string) array_shift($lines);
        if ($this->key === '') {
            throw new NovaCpxError('The access hash of the server entry in WHMCS is empty: its first line must be '
                . "NovaCPX's setting whmcs_api_key.");
        }
        if (!preg_match('/^[\x21-\x7e]+$/', $this->key)) {
            throw new NovaCpxError('The first line of the access hash must be the key alone, without blanks.');
        }
        foreach (array_filter($lines, 'strlen') as $line) {
            if ($line === 'verify=no') {
                $this->verifies = false;
            } elseif (preg_match('!^pin=(sha256//[A-Za-z0-9+/]{43}=)$!', $line, $found)) {
                $this->pin = $found[1];
            } elseif (strncmp($line, 'ca=/', 4) === 0) {
                $this->ca = substr($line, 3);
            } else {
                throw new NovaCpxError('The access hash has a line that is none of ca=/FILE, pin=sha256//… and '
                    . 'verify=no.');
            }
        }
        if ($this->ca !== null && !is_readable($this->ca)) {
            throw new NovaCpxError("The file {$this->ca} that the access hash names cannot be read.");
        }
    }

    public function get(string $action, array $query = [])
    {
        return $this->call('GET', $action, $query);
    }

    /** Writes, and gives the engine some time; what it refuses is an error, what it has not got to yet is not. */
    public function post(string $action, array $body)
    {
        $answer = $this->call('POST', $action . '?wait=' . self::WAIT_SECONDS, $body);
        $condition = $answer['condition'] ?? [];
        if (!in_array($condition['type'] ?? 'Ready', ['Ready', 'Progressing'], true)) {
            throw new NovaCpxError('NovaCPX has stored this, but could not carry it out on the server: '
                . "{$condition['resource']} is {$condition['type']} ({$condition['reason']}): {$condition['message']}");
        }
        return $answer;
    }

    private function call(string $method, string $action, array $values)
    {
        $url = "{$this->base}/api/whmcs/$action";
        if ($method === 'GET' && $values) {
            $url .= '?' . http_build_query($values, '', '&', PHP_QUERY_RFC3986);
        }
        $headers = ['Accept: application/json', 'Content-Type: application/json', "X-WHMCS-Key: {$this->key}"];
        $options = $this->tlsOptions() + [
            CURLOPT_URL => $url,
            CURLOPT_HTTPHEADER => $headers,
            CURLOPT_RETURNTRANSFER => true,
            CURLOPT_FOLLOWLOCATION => false,
            CURLOPT_PROTOCOLS => CURLPROTO_HTTP | CURLPROTO_HTTPS,
            CURLOPT_CONNECTTIMEOUT => self::CONNECT_SECONDS,
            CURLOPT_TIMEOUT => self::TOTAL_SECONDS,
        ];
        if ($method === 'POST') {
            $json = json_encode($values);
            if ($json === false) {
                throw new NovaCpxError('WHMCS gave a text that is not UTF-8.');
            }
            $options[CURLOPT_POSTFIELDS] = $json;
        }
        $curl = curl_init();
        curl_setopt_array($curl, $options);
        $text = curl_exec($curl);
        $status = (int) curl_getinfo($curl, CURLINFO_RESPONSE_CODE);
        $number = curl_errno($curl);
        $problem = curl_error($curl);
        unset($curl);
        $this->log($action, $values, $text === false ? $problem : $text);
        if ($text === false) {
            throw new NovaCpxError($this->noAnswer($number, $problem));
        }
        return $this->read($status, $text);
    }

    private function tlsOptions(): array
    {
        // A pinned key says more than any authority; curl compares it whether or not the rest is looked at.
        $verifies = $this->verifies && $this->pin === null;
        $options = [CURLOPT_SSL_VERIFYPEER => $verifies, CURLOPT_SSL_VERIFYHOST => $verifies ? 2 : 0];
        if ($this->pin !== null) {
            $options[CURLOPT_PINNEDPUBLICKEY] = $this->pin;
        }
        if ($this->ca !== null) {
            $options[CURLOPT_CAINFO] = $this->ca;
        }
        return $options;
    }

    private function noAnswer(int $number, string $problem): string
    {
        $certificate = [51, 60, 77, 83, 90]; // CURLE_PEER_FAILED_VERIFICATION and its relatives
        if (in_array($number, $certificate, true)) {
            return "The certificate of {$this->base} is not trusted ($problem). Give the server a certificate for "
                . 'this name, or add a line ca=/FILE or pin=sha256//… to the access hash.';
        }
        if ($number === CURLE_OPERATION_TIMEDOUT) {
            return "NovaCPX at {$this->base} did not answer in time ($problem). What was asked may have been done "
                . 'all the same; asking again is safe.';
        }
        return "NovaCPX at {$this->base} cannot be reached: $problem.";
    }

    private function read(int $status, string $text): array
    {
        $answer = json_decode($text, true);
        if (!is_array($answer) || !array_key_exists('success', $answer)) {
            throw new NovaCpxError("What answers at {$this->base} is not NovaCPX (HTTP $status): is the port right?");
        }
        if ($status >= 200 && $status < 300 && $answer['success'] === true) {
            return $answer;
        }
        $message = (string) ($answer['message'] ?? '') ?: "HTTP $status";
        foreach ((array) ($answer['errors'] ?? []) as $error) {
            $detail = (string) ($error['message'] ?? '');
            if ($detail !== '' && strpos($message, $detail) === false) {
                $message .= "; $detail";
            }
        }
        throw new NovaCpxError($message . self::hint($status, $message), $status);
    }

    private static function hint(int $status, string $message): string
    {
        switch ($status) {
            case 401:
                return ". The first line of the server's access hash must be NovaCPX's setting whmcs_api_key.";
            case 403:
                // Limits of a package are refused with 403 as well.
                return strpos($message, 'disabled') === false ? '' : ': set whmcs_enabled to true in NovaCPX.';
            case 429:
            case 503:
                return '. Try again in a minute.';
            default:
                return '';
        }
    }

    /** To WHMCS' module log, without the key and without passwords. */
    private function log(string $action, array $values, string $answer): void
    {
        if (function_exists('logModuleCall')) {
            $secrets = array_filter([$this->key, (string) ($values['password'] ?? '')], 'strlen');
            logModuleCall('novacpx', $action, $values, $answer, $answer, $secrets);
        }
    }

    /**
     * The account that the service's domain and user name both name; null when neither names one.
     */
    public function find(array $params): ?array
    {
        $domain = strtolower(trim((string) ($params['domain'] ?? '')));
        $username = strtolower(trim((string) ($params['username'] ?? '')));
        if ($domain === '' && $username === '') {
            throw new NovaCpxError('The service has neither a domain nor a user name in WHMCS.');
        }
        $byDomain = $domain === '' ? null : $this->info(['domain' => $domain]);
        $byName = $username === '' ? null : $this->info(['username' => $username]);
        if ($byDomain && $username !== '' && $byDomain['username'] !== $username) {
            throw new NovaCpxError("Nothing was done: the domain $domain belongs to the account "
                . "\"{$byDomain['username']}\", but the service's user name in WHMCS is \"$username\". Correct the one "
                . 'that is wrong.');
        }
        if ($byName && $domain !== '' && !$byDomain) {
            throw new NovaCpxError("Nothing was done: the account \"$username\" does not have the domain $domain that "
                . 'the service has in WHMCS. Correct the one that is wrong.');
        }
        return $byDomain ?? $byName;
    }

    private function info(array $who): ?array
    {
        try {
            return $this->get('info', $who)['data'];
        } catch (NovaCpxError $e) {
            if ($e->status === 404) {
                return null;
            }
            throw $e;
        }
    }

    /** Acts on the service's account. */
    public function act(array $params, string $action, array $more = []): void
    {
        $account = $this->find($params);
        if (!$account) {
            throw new NovaCpxError('NovaCPX has no account for this service: neither its user name nor its domain is '
                . 'known there.');
        }
        $this->post($action, ['username' => $account['username']] + $more);
    }

    /** WHMCS wants the word "success", or an error's text. */
    public static function report(array $params, callable $work): string
    {
        try {
            $work(new self($params));
            return 'success';
        } catch (Throwable $e) {
            return $e->getMessage() ?: get_class($e);
        }
    }
}

function novacpx_MetaData(): array
{
    return [
        'DisplayName' => 'NovaCPX',
        'APIVersion' => '1.1',
        'RequiresServer' => true,
        'DefaultSSLPort' => '8882',
        'ListAccountsUniqueIdentifierDisplayName' => 'User name',
        'ListAccountsUniqueIdentifierField' => 'username',
        'ListAccountsProductField' => 'configoption1',
    ];
}

function novacpx_ConfigOptions(): array
{
    return [
        'Package' => [
            'Type' => 'text',
            'Size' => '40',
            'Description' => "Name or number of a package in NovaCPX. Empty: NovaCPX' default package.",
        ],
    ];
}

function novacpx_TestConnection(array $params): array
{
    $result = NovaCpxBridge::report($params, function (NovaCpxBridge $bridge) {
        $bridge->get('test');
    });
    return $result === 'success' ? ['success' => true, 'error' => ''] : ['success' => false, 'error' => $result];
}

function novacpx_CreateAccount(array $params): string
{
    return NovaCpxBridge::report($params, function (NovaCpxBridge $bridge) use ($params) {
        $body = [
            'domain' => trim((string) ($params['domain'] ?? '')),
            'username' => trim((string) ($params['username'] ?? '')),
            'password' => (string) ($params['password'] ?? ''),
            'email' => trim((string) ($params['clientsdetails']['email'] ?? '')),
        ];
        foreach ($body as $name => $value) {
            if ($value === '') {
                throw new NovaCpxError("The service has no $name in WHMCS, without which no account can be created.");
            }
        }
        $package = trim((string) ($params['configoption1'] ?? ''));
        $bridge->post('create', $package === '' ? $body : $body + ['package_id' => $package]);
    });
}

function novacpx_SuspendAccount(array $params): string
{
    return NovaCpxBridge::report($params, function (NovaCpxBridge $bridge) use ($params) {
        $reason = trim((string) ($params['suspendreason'] ?? ''));
        $bridge->act($params, 'suspend', $reason === '' ? [] : ['reason' => $reason]);
    });
}

function novacpx_UnsuspendAccount(array $params): string
{
    return NovaCpxBridge::report($params, function (NovaCpxBridge $bridge) use ($params) {
        $bridge->act($params, 'unsuspend');
    });
}

/** What is gone already is terminated: WHMCS may ask again because it did not hear the first answer. */
function novacpx_TerminateAccount(array $params): string
{
    return NovaCpxBridge::report($params, function (NovaCpxBridge $bridge) use ($params) {
        if ($bridge->find($params)) {
            $bridge->act($params, 'terminate');
        }
    });
}

function novacpx_ChangePassword(array $params): string
{
    return NovaCpxBridge::report($params, function (NovaCpxBridge $bridge) use ($params) {
        $bridge->act($params, 'changepassword', ['password' => (string) ($params['password'] ?? '')]);
    });
}

function novacpx_ChangePackage(array $params): string
{
    return NovaCpxBridge::report($params, function (NovaCpxBridge $bridge) use ($params) {
        $package = trim((string) ($params['configoption1'] ?? ''));
        if ($package === '') {
            throw new NovaCpxError('The product has no package in its module settings: there is nothing to change to.');
        }
        $bridge->act($params, 'changepackage', ['package_id' => $package]);
    });
}

/** Nothing has to be renewed on the server; that the account is still there is worth knowing. */
function novacpx_Renew(array $params): string
{
    return NovaCpxBridge::report($params, function (NovaCpxBridge $bridge) use ($params) {
        if (!$bridge->find($params)) {
            throw new NovaCpxError('NovaCPX has no account for this service any more.');
        }
    });
}

/** Daily, for each server: use and limits of all its accounts, in MiB, to the services of this server. */
function novacpx_UsageUpdate(array $params): string
{
    return NovaCpxBridge::report($params, function (NovaCpxBridge $bridge) use ($params) {
        $capsule = 'WHMCS\\Database\\Capsule';
        if (!class_exists($capsule)) {
            throw new NovaCpxError('This runs outside WHMCS: there is no database to update.');
        }
        foreach ($bridge->get('usage')['data'] as $account) {
            $capsule::table('tblhosting')
                ->where('server', $params['serverid'])
                ->where('username', $account['username'])
                ->update([
                    'diskusage' => $account['disk_used'],
                    'disklimit' => $account['disk_limit'],
                    'bwusage' => $account['bw_used'],
                    'bwlimit' => $account['bw_limit'],
                    'lastupdate' => date('Y-m-d H:i:s'),
                ]);
        }
    });
}

/** For the server's synchronisation in WHMCS. */
function novacpx_ListAccounts(array $params): array
{
    $accounts = [];
    $result = NovaCpxBridge::report($params, function (NovaCpxBridge $bridge) use ($params, &$accounts) {
        foreach ($bridge->get('list')['data'] as $account) {
            $accounts[] = [
                'email' => (string) $account['email'],
                'username' => $account['username'],
                'domain' => (string) $account['domain'],
                'uniqueIdentifier' => $account['username'],
                'product' => (string) $account['package'],
                'primaryip' => (string) ($params['serverip'] ?? ''),
                'created' => $account['created'],
                'status' => $account['status'] === 'suspended' ? 'Suspended' : 'Active',
            ];
        }
    });
    return $result === 'success'
        ? ['success' => true, 'accounts' => $accounts]
        : ['success' => false, 'error' => $result];
}

/** Where the customer logs in: their portal, on its own port. */
function novacpx_ClientArea(array $params): string
{
    try {
        $url = 'https://' . NovaCpxBridge::hostOf($params) . ':8880/';
    } catch (NovaCpxError $e) {
        return '';
    }
    return sprintf('<a class="btn btn-default" href="%s" target="_blank" rel="noopener noreferrer">Control panel</a>',
        htmlspecialchars($url, ENT_QUOTES));
}
