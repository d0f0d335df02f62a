// Package stages reads infra/stages.json, which remembers what an operator has
// decided for each stage. Every deployment reads it, so that nothing has to be
// repeated.
package stages

// Settings are the decisions for one stage. The zero value is a stage in the
// account and region of the credentials, with a table and a URL of its own, that
// tells nobody of its alarms. docs/deploy.md describes each field for operators.
type Settings struct {
	// Account and Region say where the stage is deployed: 12 digits, and a name
	// such as eu-central-1. Without them the credentials decide.
	Account string `json:"account"`
	Region  string `json:"region"`

	// AlarmEmails receive a mail for every alarm, once they have confirmed the
	// subscription.
	AlarmEmails []string `json:"alarmEmails"`

	// Domain is the host name of the API beside or in place of execute-api, such
	// as tokens.example.com. Certificate is the ARN of its certificate in ACM, in
	// the account and region of the stage. One needs the other, and Region.
	Domain      string `json:"domain"`
	Certificate string `json:"certificate"`
	// BasePath is the path below Domain that the API has, such as keys or
	// internal/keys, without slashes around it. The functions take it off the
	// path.
	BasePath string `json:"basePath"`
	// ExecuteAPI says whether the URL of API Gateway answers, too. Nil means true.
	// Without it, Domain is needed.
	ExecuteAPI *bool `json:"executeApi"`

	// Table is the name of an existing table, such as one restored from a backup,
	// that the stage uses instead of its own. TableStream is the ARN of its
	// stream, which purge reads. One needs the other.
	Table       string `json:"table"`
	TableStream string `json:"tableStream"`

	// Canary overrides whether a new version gets a tenth of the calls at first.
	// Nil means the stage's default. It needs a stage with alarms.
	Canary *bool `json:"canary"`
	// ForeignKeys accepts keys that another system has issued, if tokens were
	// imported with them. Then a text that could be such a key costs a read.
	ForeignKeys bool `json:"foreignKeys"`
	// NoUseRecords does not record when and from where keys are used, nor refusals.
	// Each record costs a write.
	NoUseRecords bool `json:"noUseRecords"`
	// Upstream puts a gateway in front of a model API. Nil means none.
	Upstream *Upstream `json:"upstream"`

	// BudgetDollars is what the stage may cost a month before AlarmEmails are
	// told. 0 means no budget.
	BudgetDollars int `json:"budgetDollars"`
	// BackupPlan adds daily backups by AWS Backup to point-in-time recovery.
	BackupPlan bool `json:"backupPlan"`
}

// An Upstream is a model API and the options of the gateway in front of it, which
// mean the same as the flags of tokenctl proxy.
type Upstream struct {
	// URL is an https URL, such as https://api.openai.com.
	URL string `json:"url"`
	// KeyParameter is the name of the SecureString in Systems Manager with the
	// upstream's key. The default is /latchkey/<stage>/upstream-key.
	KeyParameter string `json:"keyParameter"`
	// Auth is the header for that key, one of gateway.UpstreamAuths. The default
	// is bearer.
	Auth string `json:"auth"`
	// Allow has further methods and paths, as gateway.ParseAllowed reads them.
	Allow []string `json:"allow"`
	// AllowOrigin has the origins of web pages that may call the gateway.
	AllowOrigin []string `json:"allowOrigin"`
	// Clamp lowers limits of output tokens to what the balance pays for.
	Clamp bool `json:"clamp"`
	// NoInjectUsage does not ask the upstream for the usage of streams.
	NoInjectUsage bool `json:"noInjectUsage"`
}
