package ci_test

import (
	"encoding/json"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestPolicyCoversTemplates checks that the execution policy allows what
// CloudFormation does with every type of resource in the stages' templates, for
// resources of Latchkey.
func TestPolicyCoversTemplates(t *testing.T) {
	policy, needs := executionPolicy(t), needs()
	for _, kind := range typesOfTemplates(t) {
		if _, known := needs[kind]; !known {
			t.Errorf("what CloudFormation needs for %s is not known: add it to needs, from the handlers in its schema", kind)
		}
	}
	for kind, need := range needs { // also of stages with optional settings, which have no golden file
		for _, action := range need.actions {
			if arn := need.service(action); !policy.allows(action, arn) {
				t.Errorf("%s: the policy does not allow %s on %s", kind, action, arn)
			}
		}
	}
}

// TestPolicyDoesNotReadData checks that the policy leaves alone what is in the
// resources, and what is not of Latchkey.
func TestPolicyDoesNotReadData(t *testing.T) {
	policy := executionPolicy(t)
	for _, refused := range []struct{ action, arn string }{
		{"dynamodb:GetItem", "arn:aws:dynamodb:eu-central-1:111122223333:table/Latchkey-prod-Table"},
		{"dynamodb:PutItem", "arn:aws:dynamodb:eu-central-1:111122223333:table/Latchkey-prod-Table"},
		{"dynamodb:Scan", "arn:aws:dynamodb:eu-central-1:111122223333:table/Latchkey-prod-Table"},
		{"dynamodb:DeleteTable", "arn:aws:dynamodb:eu-central-1:111122223333:table/orders"},
		{"lambda:InvokeFunction", "arn:aws:lambda:eu-central-1:111122223333:function:Latchkey-prod-create"},
		{"lambda:UpdateFunctionCode", "arn:aws:lambda:eu-central-1:111122223333:function:orders"},
		{"sqs:ReceiveMessage", "arn:aws:sqs:eu-central-1:111122223333:Latchkey-prod-purge"},
		{"events:PutEvents", "arn:aws:events:eu-central-1:111122223333:event-bus/latchkey-prod"},
		{"events:DeleteEventBus", "arn:aws:events:eu-central-1:111122223333:event-bus/orders"},
		{"scheduler:CreateSchedule", "arn:aws:scheduler:eu-central-1:111122223333:schedule/latchkey-prod/timers-1-0"},
		{"scheduler:DeleteScheduleGroup", "arn:aws:scheduler:eu-central-1:111122223333:schedule-group/orders"},
		{"sns:Publish", "arn:aws:sns:eu-central-1:111122223333:Latchkey-prod-Alarms"},
		{"logs:GetLogEvents", "arn:aws:logs:eu-central-1:111122223333:log-group:Latchkey-prod-create"},
		{"ssm:GetParameter", "arn:aws:ssm:eu-central-1:111122223333:parameter/latchkey/prod/upstream-key"},
		{"iam:CreateRole", "arn:aws:iam::111122223333:role/admin"},
		{"iam:AttachRolePolicy", "arn:aws:iam::111122223333:role/admin"},
		{"iam:CreateUser", "arn:aws:iam::111122223333:user/admin"},
		{"kms:Encrypt", "arn:aws:kms:eu-central-1:111122223333:key/a1b2"},
		{"iam:PassRole", "arn:aws:iam::111122223333:role/admin"},
	} {
		if policy.allows(refused.action, refused.arn) {
			t.Errorf("the policy allows %s on %s, want that it does not", refused.action, refused.arn)
		}
	}
}

// TestPolicySize checks the limit of a managed policy, which does not count white
// space. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
func TestPolicySize(t *testing.T) {
	text, err := json.Marshal(at(parse(t), "Resources", "ExecutionPolicy", "Properties", "PolicyDocument"))
	if err != nil {
		t.Fatal(err)
	}
	size := len(strings.ReplaceAll(string(text), "arn:aws:", "arn:aws-us-gov:")) // the longest partition
	if t.Logf("%d characters", size); size > 6144 {
		t.Errorf("the policy has %d characters, want at most 6144", size)
	}
}

// TestTrust checks that only jobs of the given subjects can have the role, which may
// only have roles of cdk and read what is deployed.
func TestTrust(t *testing.T) {
	role := at(parse(t), "Resources", "DeployRole", "Properties")
	trust := at(role, "AssumeRolePolicyDocument", "Statement")
	conditions := at(trust.([]any)[0], "Condition").(map[string]any)
	if len(trust.([]any)) != 1 || len(conditions) != 1 {
		t.Fatalf("got trust %v, want one statement with one operator", trust)
	}
	equals := at(conditions, "StringEquals").(map[string]any)
	if equals["token.actions.githubusercontent.com:aud"] != "sts.amazonaws.com" || equals["token.actions.githubusercontent.com:sub"] != "Subjects" {
		t.Errorf("got conditions %v, want the audience of AWS and the given subjects", equals)
	}
	policies, _ := at(role, "Policies").([]any)
	if len(policies) != 1 || at(role, "ManagedPolicyArns") != nil {
		t.Fatalf("got policies %v, want one", policies)
	}
	allowed := policyOf(at(policies[0], "PolicyDocument"))
	for _, tt := range []struct {
		action, arn string
		want        bool
	}{
		{"sts:AssumeRole", "arn:aws:iam::111122223333:role/cdk-hnb659fds-deploy-role-111122223333-eu-central-1", true},
		{"sts:AssumeRole", "arn:aws:iam::111122223333:role/cdk-hnb659fds-file-publishing-role-111122223333-eu-central-1", true},
		{"cloudformation:DescribeStacks", "arn:aws:cloudformation:eu-central-1:111122223333:stack/Latchkey-prod/id", true},
		{"sts:AssumeRole", "arn:aws:iam::111122223333:role/cdk-hnb659fds-cfn-exec-role-111122223333-eu-central-1", false},
		{"sts:AssumeRole", "arn:aws:iam::111122223333:role/admin", false},
		{"cloudformation:DeleteStack", "arn:aws:cloudformation:eu-central-1:111122223333:stack/Latchkey-prod/id", false},
	} {
		if got := allowed.allows(tt.action, tt.arn); got != tt.want {
			t.Errorf("%s on %s: got %t, want %t", tt.action, tt.arn, got, tt.want)
		}
	}
}

// A policy is a list of statements that allow.
type policy []statement

type statement struct {
	actions, resources []string
}

func executionPolicy(t *testing.T) policy {
	t.Helper()
	return policyOf(at(parse(t), "Resources", "ExecutionPolicy", "Properties", "PolicyDocument"))
}

func policyOf(document any) (all policy) {
	for _, s := range at(document, "Statement").([]any) {
		all = append(all, statement{texts(at(s, "Action")), texts(at(s, "Resource"))})
	}
	return all
}

// allows says whether a statement allows the action on the resource. It does not
// read conditions.
func (p policy) allows(action, arn string) bool {
	return slices.ContainsFunc(p, func(s statement) bool { return matchesAny(s.actions, action) && matchesAny(s.resources, arn) })
}

// matchesAny compares as IAM does: * stands for any text.
func matchesAny(patterns []string, text string) bool {
	plain := strings.NewReplacer("/", "|") // path.Match stops at a slash
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		matched, err := path.Match(plain.Replace(pattern), plain.Replace(text))
		return matched && err == nil
	})
}

// typesOfTemplates returns the types of the resources in the stages' templates.
func typesOfTemplates(t *testing.T) []string {
	t.Helper()
	found := map[string]bool{}
	for _, pattern := range []string{"../stack/testdata/*.template.json", "../stack/testdata/*/*.template.json"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("got no templates (%v), want those of the stages", err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file) //nolint:gosec // a file of the project
			if err != nil {
				t.Fatal(err)
			}
			var parsed struct {
				Resources map[string]struct{ Type string }
			}
			if err := json.Unmarshal(text, &parsed); err != nil {
				t.Fatal(err)
			}
			for _, resource := range parsed.Resources {
				found[resource.Type] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}
