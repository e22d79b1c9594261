"""Kinds of resources: their types, how their ids are built, how often they occur."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """`provider` is the ARM type in its own casing; `weight` is relative within its cloud."""

    name: str
    provider: str
    prefix: str
    weight: int


AZURE = (
    Kind("vm", "Microsoft.Compute/virtualMachines", "vm", 34),
    Kind("vmss", "Microsoft.Compute/virtualMachineScaleSets", "vmss", 3),
    Kind("arc", "Microsoft.HybridCompute/machines", "srv", 8),
    Kind("storage", "Microsoft.Storage/storageAccounts", "st", 18),
    Kind("keyvault", "Microsoft.KeyVault/vaults", "kv", 9),
    Kind("sqlserver", "Microsoft.Sql/servers", "sql", 4),
    Kind("sqldb", "Microsoft.Sql/servers/databases", "db", 4),
    Kind("webapp", "Microsoft.Web/sites", "app", 7),
    Kind("funcapp", "Microsoft.Web/sites", "func", 4),
    Kind("aks", "Microsoft.ContainerService/managedClusters", "aks", 3),
    Kind("acr", "Microsoft.ContainerRegistry/registries", "acr", 2),
    Kind("vnet", "Microsoft.Network/virtualNetworks", "vnet", 5),
    Kind("appgw", "Microsoft.Network/applicationGateways", "agw", 1),
    Kind("apim", "Microsoft.ApiManagement/service", "apim", 1),
    Kind("cosmos", "Microsoft.DocumentDB/databaseAccounts", "cosmos", 1),
    Kind("redis", "Microsoft.Cache/Redis", "redis", 1),
    Kind("servicebus", "Microsoft.ServiceBus/namespaces", "sb", 2),
    Kind("eventhub", "Microsoft.EventHub/namespaces", "evh", 2),
    Kind("logicapp", "Microsoft.Logic/workflows", "logic", 2),
    Kind("automation", "Microsoft.Automation/automationAccounts", "aa", 1),
    Kind("batch", "Microsoft.Batch/batchAccounts", "batch", 1),
    Kind("mlworkspace", "Microsoft.MachineLearningServices/workspaces", "mlw", 1),
)
AWS = (
    Kind("ec2", "ec2instance", "instances-i", 10),
    Kind("s3", "s3bucket", "s3-bucket", 8),
    Kind("rds", "rdsdb", "rds-db", 3),
    Kind("lambda", "lambdafunction", "lambda-function", 5),
    Kind("iamuser", "iamuser", "iam-user", 4),
    Kind("awssg", "ec2securitygroup", "ec2-security-group", 4),
    Kind("eks", "ekscluster", "eks-cluster", 1),
    Kind("ecr", "ecrrepository", "ecr-repository", 2),
    Kind("awsaccount", "awsaccount", "account", 1),
)
GCP = (
    Kind("gce", "computeinstance", "instances", 8),
    Kind("gcs", "storagebucket", "storage-bucket", 5),
    Kind("cloudsql", "cloudsqlinstance", "cloudsql-instance", 2),
    Kind("gke", "gkecluster", "gke-cluster", 2),
    Kind("gcpfw", "computefirewall", "compute-firewall", 3),
    Kind("gar", "artifactregistryrepository", "gar-gcp-repository", 2),
    Kind("gcpproject", "project", "project", 1),
)
ON_PREMISES = (
    Kind("onprem", "Microsoft.OperationalInsights/workspaces/onPremiseMachines", "host", 3),
    Kind("onpremsql", "Microsoft.OperationalInsights/workspaces/onPremiseSqlServers", "sqlhost", 1),
)
BY_NAME = {kind.name: kind for kind in (*AZURE, *AWS, *GCP, *ON_PREMISES)}
