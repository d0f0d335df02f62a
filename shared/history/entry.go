package history

// The actions of an Entry.
const (
	TokenCreated  = "token.created"
	TokenImported = "token.imported"
	TokenUpdated  = "token.updated"
	TokenRaised   = "token.raised" // a quota was raised for a while, or a raise was ended
	TokenDisabled = "token.disabled"
	TokenEnabled  = "token.enabled"
	TokenRotated  = "token.rotated"
	TokenLeaked   = "token.leaked" // a key was revoked by somebody who had it
	TokenDeleted  = "token.deleted"
	TokenRestored = "token.restored"
	TokenPurged   = "token.purged" // some time after it had expired

	UserCreated      = "user.created"
	UserUpdated      = "user.updated"
	UserDisabled     = "user.disabled"
	UserEnabled      = "user.enabled"
	UserKeysStopped  = "user.keys_stopped"
	UserKeysStarted  = "user.keys_started"
	UserAccessTokens = "user.access_tokens" // some were issued or revoked
	UserDeleted      = "user.deleted"
	UserRecounted    = "user.recounted"

	WebhookCreated  = "webhook.created"
	WebhookUpdated  = "webhook.updated"
	WebhookDisabled = "webhook.disabled"
	WebhookEnabled  = "webhook.enabled"
	WebhookRotated  = "webhook.rotated" // it has a new secret
	WebhookDeleted  = "webhook.deleted"
	WebhookRestored = "webhook.restored"

	PolicySet = "policy.set"
	BudgetSet = "budget.set"
	PricesSet = "prices.set"
)

// IDDigits is how many digits Entry.ID has.
const IDDigits = 38

// A Kind says who made a change.
type Kind string

// The kinds.
const (
	ByUser     Kind = "user"     // with one of its access tokens
	ByKey      Kind = "key"      // with the key of the token
	ByOperator Kind = "operator" // with a command
	ByService  Kind = "service"  // Latchkey itself: DynamoDB removed what was expired, or an endpoint of webhooks failed
)

// An Entry is one administrative change in the audit trail. It has no secrets and no
// hashes of them.
type Entry struct {
	ID        string // a decimal number; of two changes to the same thing the later one has the higher
	UserID    int64  // whose token or webhook it is, or who was changed; 0 for what concerns the whole deployment
	TokenID   int64  // 0 if it is not about a token
	WebhookID int64  // 0 if it is not about a webhook
	Name      string // of the token then
	Action    string
	At        int64 // Unix milliseconds
	By        Kind

	// Of a user.
	Slot        int64 // of the access token
	UserVersion int64 // with which the access token was issued; see token.Slot

	// Of a request.
	RequestID string
	Address   string

	// Of an operator.
	Command string
	Person  string

	Changes []Change
}
