<?php
// What WHMCS does with a module, as far as the module can tell: php whmcs.php MODULE FUNCTION PARAMS(JSON).
// Prints what the function returned (text, or JSON); then a line for each update of the database, and for each
// entry of the module log, if WHMCS_LOG is set, as WHMCS would keep it.

namespace WHMCS\Database {
    final class Capsule
    {
        private array $where = [];

        public static function table(string $name): self
        {
            return new self();
        }

        public function where(string $column, $value): self
        {
            $this->where[$column] = $value;
            return $this;
        }

        public function update(array $values): void
        {
            unset($values['lastupdate']);
            $GLOBALS['updates'][] = json_encode(['where' => $this->where, 'set' => $values]);
        }
    }
}

namespace {
    error_reporting(E_ALL);
    set_error_handler(function ($level, $message, $file, $line) {
        fwrite(STDERR, "$message at line $line\n");
        exit(99);
    });
    define('WHMCS', true);
    $updates = [];

    function logModuleCall($module, $action, $request, $response, $data, $secrets)
    {
        if (getenv('WHMCS_LOG')) {
            $text = json_encode([$action, $request, $response]);
            echo 'log: ', str_replace($secrets, '***', $text), "\n";
        }
    }

    require $argv[1];
    $function = "novacpx_{$argv[2]}";
    $result = $function(json_decode($argv[3] ?? '{}', true));
    echo is_string($result) ? $result : json_encode($result, JSON_UNESCAPED_SLASHES), "\n";
    foreach ($updates as $update) {
        echo "$update\n";
    }
}
