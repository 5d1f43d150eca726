package v1alpha1

// Condition types of an LFSRepository. An LFSStore has the first three.
const (
	// ConditionReady: clients can push and pull, by the spec's own generation.
	ConditionReady = "Ready"
	// ConditionReconciling: the operator or the server is still on the way to
	// the spec's generation. Present only while true (kstatus).
	ConditionReconciling = "Reconciling"
	// ConditionStalled: a person must act. Present only while true (kstatus).
	ConditionStalled = "Stalled"
	// ConditionStoreReady: the server reaches the store, may use it, has claimed
	// its prefix and found the capabilities that it needs.
	ConditionStoreReady = "StoreReady"
	// ConditionStoreSessionValid: the servers' session with the store is renewed in
	// time. Absent where servers hold the store's key.
	ConditionStoreSessionValid = "StoreSessionValid"
	// ConditionSessionsIssued, of an LFSStore: servers get sessions bound to their
	// prefix instead of the store's key.
	ConditionSessionsIssued = "SessionsIssued"
	// ConditionWritesAuthentic, of an LFSStore: the store takes no upload that
	// nobody has signed. False is a warning; see StoreCapabilities.
	ConditionWritesAuthentic = "WritesAuthentic"
	// ConditionServersShared, of an LFSStore: what serves many repositories at a time
	// is there. Absent where servers are not shared.
	ConditionServersShared = "ServersShared"
	// ConditionServerAvailable: the Deployment has available replicas that answer.
	ConditionServerAvailable = "ServerAvailable"
	// ConditionHistoryReadable: every history entry could be read. Absent
	// without history.
	ConditionHistoryReadable = "HistoryReadable"
	// ConditionAccessReady: identities of spec.access.kubernetes and
	// spec.access.jwt can be verified. Absent without these.
	ConditionAccessReady = "AccessReady"
	// ConditionGarbageCollected: the last garbage collection came to its end.
	ConditionGarbageCollected = "GarbageCollected"
	// ConditionWithinQuota: the repository may hold more. Absent without a quota.
	ConditionWithinQuota = "WithinQuota"
	// ConditionQuarantineTooShort: garbage collection deletes, and gc.quarantine does
	// not cover a push that is under way. Present only while true.
	ConditionQuarantineTooShort = "QuarantineTooShort"
	// ConditionAdopted: the objects of spec.adoptFrom are proven and in their place.
	// Absent without it.
	ConditionAdopted = "Adopted"
	// ConditionExposed: the HTTPRoute and the Ingress that are asked for are made, and
	// the controllers of its Gateways have accepted the HTTPRoute. Absent where
	// neither is asked for.
	ConditionExposed = "Exposed"
	// ConditionFieldsSupported: False when the spec asks for what this version
	// of the operator does not do yet; the message lists the fields.
	ConditionFieldsSupported = "FieldsSupported"
)

// Reasons of conditions. Reasons that the server finds (of the store, the
// history and garbage collection) are in package serverstatus and pass through.
const (
	ReasonReady                = "Ready"
	ReasonProgressing          = "Progressing"
	ReasonSuspended            = "Suspended"
	ReasonForeignObject        = "ForeignObject"
	ReasonFieldNotSupported    = "FieldNotSupported"
	ReasonInvalidSpec          = "InvalidSpec"
	ReasonApplyRefused         = "ApplyRefused"
	ReasonServerUnreachable    = "ServerUnreachable"
	ReasonDeploymentNotReady   = "DeploymentNotReady"
	ReasonConfigurationPending = "ConfigurationPending"
	ReasonDeleting             = "Deleting"
	// ReasonStoreNotUsable: there is no such LFSStore, or it does not allow the
	// namespace; which of the two is not for the tenant to know.
	ReasonStoreNotUsable = "StoreNotUsable"
	// ReasonProbeFailed: the pod that tries an LFSStore cannot do its work.
	ReasonProbeFailed = "ProbeFailed"
	// ReasonSessionsActive, ReasonSessionsStarting and ReasonSessionsOff say how far
	// the sessions of a store are; ReasonSessionsUnavailable that it makes none that
	// can be used.
	ReasonSessionsActive      = "SessionsActive"
	ReasonSessionsStarting    = "SessionsStarting"
	ReasonSessionsOff         = "SessionsOff"
	ReasonSessionsUnavailable = "SessionsUnavailable"
	// ReasonSharedServersMade is of ServersShared.
	ReasonSharedServersMade = "SharedServersMade"
	// ReasonSessionRenewed and ReasonSessionNotRenewed are of StoreSessionValid.
	ReasonSessionRenewed    = "SessionRenewed"
	ReasonSessionNotRenewed = "SessionNotRenewed"
	// ReasonForgedWrites and ReasonOnlySignedWrites are of WritesAuthentic.
	ReasonForgedWrites     = "ForgedWrites"
	ReasonOnlySignedWrites = "OnlySignedWrites"
	// ReasonRoutesMade: the Ingress is as asked for. What becomes of one, Kubernetes
	// has no field for.
	ReasonRoutesMade = "RoutesMade"
	// ReasonRouteAccepted: every Gateway of the HTTPRoute has accepted it.
	ReasonRouteAccepted = "RouteAccepted"
	// ReasonRoutePending: a Gateway of the HTTPRoute has not said anything of it yet.
	ReasonRoutePending = "RoutePending"
	// ReasonRouteNotAccepted: a Gateway does not accept the HTTPRoute.
	ReasonRouteNotAccepted = "RouteNotAccepted"
	// ReasonRouteRefsNotResolved: a Gateway does not find what the HTTPRoute names.
	ReasonRouteRefsNotResolved = "RouteRefsNotResolved"
	// ReasonGatewayAPIMissing: the cluster knows no HTTPRoutes.
	ReasonGatewayAPIMissing = "GatewayAPIMissing"
	// ReasonHostMissing: no endpoint has a host by which requests could be routed.
	ReasonHostMissing = "HostMissing"
	// ReasonNamespaceReserved: paths that begin with the namespace's name are those
	// of every repository on the host.
	ReasonNamespaceReserved = "NamespaceReserved"
	// ReasonLimitExceeded: the LFSStore does not allow what the spec asks for.
	ReasonLimitExceeded = "LimitExceeded"
	// ReasonQuotaNearlyUsed: 90 % of the quota are used. Uploads go on.
	ReasonQuotaNearlyUsed = "QuotaNearlyUsed"
	// ReasonQuotaUsed: so much of the quota is used that uploads are refused, all
	// but small ones at least.
	ReasonQuotaUsed = "QuotaUsed"
	// ReasonAdopting: objects are being taken over.
	ReasonAdopting = "Adopting"
	// ReasonAdopted: all of them are in their place.
	ReasonAdopted = "Adopted"
	// ReasonWrongContent: some are not what their name says, and are not served.
	ReasonWrongContent = "WrongContent"
)

// AudiencePrefix begins the audience of tokens that are made for LFSRepositories,
// so that one made for a repository opens nothing else.
const AudiencePrefix = "lfs-operator.dev/"

// Annotations and labels.
const (
	// AnnotationRunGC starts a garbage collection whenever its value changes.
	AnnotationRunGC = "lfs-operator.dev/run-gc"
	// AnnotationRunAdoption adopts once more, what has come to spec.adoptFrom since,
	// whenever its value changes.
	AnnotationRunAdoption = "lfs-operator.dev/run-adoption"
	// AnnotationRotateTokens raises the generation of all tokens whenever its
	// value changes.
	AnnotationRotateTokens = "lfs-operator.dev/rotate-tokens"
	// AnnotationMaxPutSize is the largest object that the store, or a proxy before
	// it, takes in one PUT: a quantity from 5Mi to 5Gi, which is S3's own limit.
	// Larger ones go through the server, which sends them in parts.
	AnnotationMaxPutSize = "lfs-operator.dev/max-put-size"
	// AnnotationDefaultStore with the value "true" makes an LFSStore the one of
	// repositories that name none. Of several the newest counts.
	AnnotationDefaultStore = "lfs-operator.dev/is-default-store"
	// LabelRepository is on every object made for an LFSRepository: its name.
	LabelRepository = "lfs-operator.dev/repository"
	// LabelRepositoryUID is on every object made for an LFSRepository: its UID.
	LabelRepositoryUID = "lfs-operator.dev/repository-uid"
	// LabelRepositoryNamespace is on objects outside of the LFSRepository's own
	// namespace, where an owner reference cannot reach: that namespace.
	LabelRepositoryNamespace = "lfs-operator.dev/repository-namespace"
	// LabelStoreUID is on what is applied for an LFSStore: its UID.
	LabelStoreUID = "lfs-operator.dev/store-uid"
	// LabelStore is on what belongs to an LFSStore: its name.
	LabelStore = "lfs-operator.dev/store"
	// FinalizerData holds an LFSRepository until its data is deleted.
	FinalizerData = "lfs-operator.dev/data"
	// FinalizerServer holds an LFSRepository until what runs for it in the
	// namespace of an LFSStore is gone.
	FinalizerServer = "lfs-operator.dev/server"
)
