package ci_test

import (
	"slices"
	"strings"
)

// A need is what CloudFormation calls to create, change and delete a type of
// resource.
type need struct {
	arn     string // of an example
	actions []string
}

// service returns the resource that an action of another service is about.
func (n need) service(action string) string {
	const role = "arn:aws:iam::111122223333:role/Latchkey-prod-create"
	switch {
	case strings.HasPrefix(action, "iam:CreateServiceLinkedRole"):
		return "arn:aws:iam::111122223333:role/aws-service-role/ops.apigateway.amazonaws.com/AWSServiceRoleForAPIGateway"
	case strings.HasPrefix(action, "iam:"):
		return role
	case strings.HasPrefix(action, "s3:"):
		return "arn:aws:s3:::cdk-hnb659fds-assets-111122223333-eu-central-1/0123.zip"
	case strings.HasPrefix(action, "backup-storage:"):
		return "*"
	case strings.HasPrefix(action, "kms:"):
		return "arn:aws:kms:eu-central-1:111122223333:key/a1b2"
	}
	return n.arn
}

// needs follows the handlers in the schemas of the types, without the options that
// the stacks don't use (VPC, KMS keys, imports, Kinesis, Contributor Insights).
// https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html
func needs() map[string]need {
	const at = ":eu-central-1:111122223333:"
	function := "arn:aws:lambda" + at + "function:Latchkey-prod-create"
	logs, api := "arn:aws:logs"+at+"log-group:Latchkey-prod-createLogs", "arn:aws:apigateway:eu-central-1::/apis/a1b2c3/routes"
	topic, queue := "arn:aws:sns"+at+"Latchkey-prod-Alarms", "arn:aws:sqs"+at+"Latchkey-prod-purgeUncounted"
	crud := list("apigateway:", "GET", "POST", "PUT", "PATCH", "DELETE", "TagResource", "UntagResource")
	inline := list("iam:", "GetRolePolicy", "PutRolePolicy", "DeleteRolePolicy")
	return map[string]need{
		"AWS::ApiGatewayV2::Api":         {"arn:aws:apigateway:eu-central-1::/apis", crud},
		"AWS::ApiGatewayV2::ApiMapping":  {"arn:aws:apigateway:eu-central-1::/domainnames/a.example/apimappings", crud},
		"AWS::ApiGatewayV2::DomainName":  {"arn:aws:apigateway:eu-central-1::/domainnames", slices.Concat(crud, []string{"iam:CreateServiceLinkedRole"})},
		"AWS::ApiGatewayV2::Integration": {api, crud},
		"AWS::ApiGatewayV2::Route":       {api, crud},
		"AWS::ApiGatewayV2::Stage": {api, slices.Concat(crud, list("logs:", "CreateLogDelivery", "GetLogDelivery", "UpdateLogDelivery",
			"DeleteLogDelivery", "ListLogDeliveries", "PutResourcePolicy", "DescribeResourcePolicies", "DescribeLogGroups"))},
		"AWS::Backup::BackupPlan": {"arn:aws:backup" + at + "backup-plan:a1b2", list("backup:", "CreateBackupPlan", "UpdateBackupPlan", "DeleteBackupPlan",
			"GetBackupPlan", "ListTags", "TagResource", "UntagResource")},
		"AWS::Backup::BackupSelection": {"arn:aws:backup" + at + "backup-plan:a1b2", append(list("backup:", "CreateBackupSelection", "DeleteBackupSelection",
			"GetBackupSelection", "ListBackupSelections"), "iam:PassRole", "iam:GetRole", "iam:CreateServiceLinkedRole")},
		"AWS::Backup::BackupVault": {"arn:aws:backup" + at + "backup-vault:LatchkeyprodBackupVault", append(list("backup:", "CreateBackupVault", "DeleteBackupVault",
			"DescribeBackupVault", "ListTags", "TagResource", "UntagResource"),
			"backup-storage:MountCapsule", "kms:CreateGrant", "kms:Decrypt", "kms:GenerateDataKey", "kms:RetireGrant")},
		"AWS::Budgets::Budget":       {"arn:aws:budgets::111122223333:budget/Latchkey-prod", list("budgets:", "ModifyBudget", "ViewBudget", "TagResource", "ListTagsForResource")},
		"AWS::CloudWatch::Alarm":     {"arn:aws:cloudwatch" + at + "alarm:Latchkey-prod-Errors", list("cloudwatch:", "PutMetricAlarm", "DeleteAlarms", "DescribeAlarms", "TagResource", "UntagResource", "ListTagsForResource")},
		"AWS::CloudWatch::Dashboard": {"arn:aws:cloudwatch::111122223333:dashboard/Latchkey-prod", list("cloudwatch:", "PutDashboard", "GetDashboard", "DeleteDashboards")},
		"AWS::CodeDeploy::Application": {"arn:aws:codedeploy" + at + "application:Latchkey-prod-Canary", list("codedeploy:", "CreateApplication", "GetApplication",
			"UpdateApplication", "DeleteApplication", "TagResource", "UntagResource", "ListTagsForResource")},
		"AWS::CodeDeploy::DeploymentGroup": {"arn:aws:codedeploy" + at + "deploymentgroup:Latchkey-prod-Canary/Latchkey-prod-create", append(list("codedeploy:", "CreateDeploymentGroup",
			"GetDeploymentGroup", "UpdateDeploymentGroup", "DeleteDeploymentGroup", "CreateDeployment", "GetDeployment", "StopDeployment"), "iam:PassRole")},
		"AWS::DynamoDB::Table": {"arn:aws:dynamodb" + at + "table/Latchkey-prod-Table", list("dynamodb:", "CreateTable", "DescribeTable", "UpdateTable", "DeleteTable",
			"DescribeTimeToLive", "UpdateTimeToLive", "DescribeContinuousBackups", "UpdateContinuousBackups", "DescribeContributorInsights", "UpdateContributorInsights",
			"DescribeKinesisStreamingDestination", "ListTagsOfResource", "TagResource", "UntagResource")},
		"AWS::Events::EventBus": {"arn:aws:events" + at + "event-bus/latchkey-prod", list("events:", "CreateEventBus", "DeleteEventBus", "DescribeEventBus", "UpdateEventBus",
			"PutPermission", "RemovePermission", "ListTagsForResource", "TagResource", "UntagResource")},
		"AWS::IAM::Policy": {"", inline},
		"AWS::IAM::Role": {"", slices.Concat(inline, list("iam:", "CreateRole", "GetRole", "UpdateRole", "UpdateRoleDescription", "DeleteRole", "UpdateAssumeRolePolicy",
			"ListRolePolicies", "ListAttachedRolePolicies", "TagRole", "UntagRole"))},
		"AWS::KMS::Key": {"arn:aws:kms" + at + "key/a1b2", list("kms:", "CreateKey", "DescribeKey", "EnableKey", "DisableKey", "EnableKeyRotation", "DisableKeyRotation", "GetKeyPolicy",
			"GetKeyRotationStatus", "PutKeyPolicy", "ScheduleKeyDeletion", "ListResourceTags", "TagResource", "UntagResource", "UpdateKeyDescription")},
		"AWS::Logs::MetricFilter": {logs, list("logs:", "PutMetricFilter", "DeleteMetricFilter", "DescribeMetricFilters")},
		"AWS::Lambda::Alias":      {function, list("lambda:", "CreateAlias", "GetAlias", "UpdateAlias", "DeleteAlias", "PutProvisionedConcurrencyConfig", "GetProvisionedConcurrencyConfig")},
		"AWS::Lambda::EventSourceMapping": {"arn:aws:lambda" + at + "event-source-mapping:a1b2", list("lambda:", "CreateEventSourceMapping", "GetEventSourceMapping",
			"UpdateEventSourceMapping", "DeleteEventSourceMapping", "TagResource", "UntagResource", "ListTags")},
		"AWS::Lambda::Function": {function, append(list("lambda:", "CreateFunction", "GetFunction", "UpdateFunctionCode", "UpdateFunctionConfiguration", "DeleteFunction",
			"PutFunctionConcurrency", "DeleteFunctionConcurrency", "GetFunctionCodeSigningConfig", "GetFunctionRecursionConfig", "PutFunctionRecursionConfig",
			"GetFunctionScalingConfig", "GetRuntimeManagementConfig", "PutRuntimeManagementConfig", "PublishVersion", "TagResource", "UntagResource", "ListTags"),
			"iam:PassRole", "s3:GetObject", "s3:GetObjectVersion")},
		"AWS::Lambda::Permission": {function, list("lambda:", "AddPermission", "GetPolicy", "RemovePermission")},
		"AWS::Lambda::Url":        {function, list("lambda:", "CreateFunctionUrlConfig", "GetFunctionUrlConfig", "UpdateFunctionUrlConfig", "DeleteFunctionUrlConfig")},
		"AWS::Lambda::Version":    {function, list("lambda:", "PublishVersion", "GetFunction", "GetFunctionConfiguration", "ListVersionsByFunction", "DeleteFunction")},
		"AWS::Logs::LogGroup": {logs, list("logs:", "CreateLogGroup", "DeleteLogGroup", "DescribeLogGroups", "PutRetentionPolicy", "DeleteRetentionPolicy",
			"ListTagsForResource", "TagResource", "UntagResource", "TagLogGroup", "UntagLogGroup", "ListTagsLogGroup", "DescribeResourcePolicies")},
		"AWS::Logs::QueryDefinition": {"*", list("logs:", "PutQueryDefinition", "DeleteQueryDefinition", "DescribeQueryDefinitions")},
		"AWS::Scheduler::ScheduleGroup": {"arn:aws:scheduler" + at + "schedule-group/latchkey-prod", list("scheduler:", "CreateScheduleGroup", "GetScheduleGroup", "DeleteScheduleGroup",
			"ListTagsForResource", "TagResource", "UntagResource")},
		"AWS::SNS::Subscription": {topic, list("sns:", "Subscribe", "Unsubscribe", "GetSubscriptionAttributes", "SetSubscriptionAttributes", "ListSubscriptionsByTopic")},
		"AWS::SNS::Topic": {topic, list("sns:", "CreateTopic", "DeleteTopic", "GetTopicAttributes", "SetTopicAttributes", "ListSubscriptionsByTopic",
			"GetDataProtectionPolicy", "ListTagsForResource", "TagResource", "UntagResource", "Subscribe", "Unsubscribe")},
		"AWS::SNS::TopicPolicy": {topic, list("sns:", "SetTopicAttributes", "GetTopicAttributes")},
		"AWS::SQS::Queue":       {queue, list("sqs:", "CreateQueue", "DeleteQueue", "GetQueueAttributes", "GetQueueUrl", "SetQueueAttributes", "ListQueueTags", "TagQueue", "UntagQueue")},
		"AWS::SQS::QueuePolicy": {queue, list("sqs:", "SetQueueAttributes", "GetQueueAttributes")},
	}
}

// list puts a service before each action.
func list(service string, actions ...string) (all []string) {
	for _, action := range actions {
		all = append(all, service+action)
	}
	return all
}
