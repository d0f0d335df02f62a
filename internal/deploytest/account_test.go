//go:build deploy

package deploytest_test

import (
	"encoding/json"
	"slices"
)

const (
	region = "us-east-1"
	owner  = "123456789012" // the account that moto imitates
)

// An account is what describe_account.py prints: the resources by name.
type account struct {
	Stacks    map[string]stack
	Functions map[string]function
	Roles     map[string]role
	Tables    map[string]table
	LogGroups []string
	Topics    []string
	Queues    []string // their names
	Sources   []source
	Assets    map[string]string // SHA-256 of the bootstrap, by the CodeSha256 of the function
}

type stack struct {
	Status    string
	Resources map[string]string // physical IDs by logical ID
}

type function struct {
	Runtime, Handler, Role string
	ARN                    string `json:"FunctionArn"`
	CodeSHA256             string `json:"CodeSha256"`
	MemorySize, Timeout    int
	Environment            struct{ Variables map[string]string }
	Aliases                map[string]string // versions by name
}

// A source is an event source mapping.
type source struct {
	EventSourceARN                                  string `json:"EventSourceArn"`
	FunctionARN                                     string `json:"FunctionArn"`
	StartingPosition                                string
	BatchSize, MaximumBatchingWindowInSeconds       int
	MaximumRecordAgeInSeconds, MaximumRetryAttempts int
	FunctionResponseTypes                           []string
	FilterCriteria                                  struct{ Filters []struct{ Pattern string } }
	DestinationConfig                               struct{ OnFailure struct{ Destination string } }
}

type role struct {
	Trust   document
	Managed []string
	Inline  []document
}

type document struct{ Statement []statement }

type statement struct {
	Effect           string
	Action, Resource oneOrMore
	Principal        map[string]oneOrMore
	Condition        any
}

type table struct {
	KeySchema, AttributeDefinitions []map[string]string
	BillingModeSummary              struct{ BillingMode string }
	StreamSpecification             struct {
		StreamEnabled  bool
		StreamViewType string
	}
	LatestStreamARN           string `json:"LatestStreamArn"`
	DeletionProtectionEnabled bool
}

// oneOrMore is a string or a list of strings, sorted.
type oneOrMore []string

// UnmarshalJSON implements json.Unmarshaler.
func (o *oneOrMore) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*o = oneOrMore{one}
		return nil
	}
	var more []string
	err := json.Unmarshal(text, &more)
	*o = slices.Sorted(slices.Values(more))
	return err
}

// A template is a synthesized template.
type template struct {
	Resources map[string]resource
}

type resource struct {
	Type           string
	DeletionPolicy string
	Metadata       map[string]any
}

// ofType returns the logical IDs of the resources of a type, sorted.
func (t template) ofType(kind string) (ids []string) {
	for id, r := range t.Resources {
		if r.Type == kind {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}
