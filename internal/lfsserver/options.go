package lfsserver

import (
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/monitor"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/upload"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// Options of a server. The zero value of each field means what DefaultOptions
// says.
type Options struct {
	// ConfigFile, CredentialsDir, KeysDir, CAFile and JWTDir are mounted files;
	// they may change at any time, and all but ConfigFile may be missing.
	ConfigFile     string
	CredentialsDir string
	KeysDir        string
	CAFile         string
	JWTDir         string
	// RepositoriesDir, where set, holds the configurations of many repositories, one
	// file each, instead of ConfigFile; see Shared. Files of KeysDir then open the
	// signing keys in them, and JWTDir is not looked at.
	RepositoriesDir string
	// StoreTokenFile is the token that sessions with the store are asked for with.
	StoreTokenFile string
	// MaxSession, where set, is what a session with the store counts for at most:
	// it is renewed at half of that.
	MaxSession time.Duration
	// KubernetesDir holds the token and the certificate authority to ask the
	// Kubernetes API server with. They are read when it is asked.
	KubernetesDir string
	// APIServer is its URL.
	APIServer string

	// Listen and AdminListen are host:port; port 0 takes a free one.
	Listen      string
	AdminListen string
	// APIListener and AdminListener, where set, are used instead; the server
	// closes them.
	APIListener   net.Listener
	AdminListener net.Listener
	// MetricsListen and MetricsListener are where a Shared shows its metrics.
	MetricsListen   string
	MetricsListener net.Listener

	// DrainDelay is how long a server that has been told to stop goes on
	// answering, with 429 to batches, until load balancers have noticed and,
	// where it was the only one, until another has started in its place.
	// Negative for not at all.
	DrainDelay time.Duration
	// DrainTimeout is how long requests that run may take after that.
	DrainTimeout time.Duration

	// ReloadInterval between looks at the mounted files.
	ReloadInterval time.Duration
	// Monitor says how often the store is looked at.
	Monitor monitor.Intervals
	// FirstInterim is when a client that waits for a proof first hears of it.
	FirstInterim time.Duration
	// LockPatience is how long a request that git-lfs does not repeat, such as one
	// about locks, waits for its turn, and one about locks also for a store that is
	// away. git-lfs's own patience is 30 s.
	LockPatience time.Duration
	// AtOnce is how much is worked on at a time that asks the store: a large batch
	// is 8, anything else less.
	AtOnce int
	// MaxConnections of clients at a time, on each port.
	MaxConnections int
	// CacheShare divides the bounds of what is remembered of a repository, for
	// processes that serve many; 0: 1.
	CacheShare int
	// UsageGap is the least time between two counts.
	UsageGap time.Duration
	// SweepEvery is how often abandoned things are looked for, give or take a half, and
	// SweepAfter how long nothing may have been heard of an upload that is one.
	SweepEvery, SweepAfter time.Duration

	// Version for /status and metrics.
	Version string
	Logger  *slog.Logger
	// AuditLogger takes the audit log, whatever the level of Logger. Left out: Logger.
	AuditLogger *slog.Logger
	// Registry takes the metrics and is what /metrics shows.
	Registry *prometheus.Registry
	// Now is the clock of tokens, links and expiries.
	Now func() time.Time
}

// DefaultOptions are those of a server in a cluster.
func DefaultOptions() Options {
	return Options{
		ConfigFile:     serverconfig.File,
		CredentialsDir: serverconfig.StoreCredentialsDir,
		KeysDir:        serverconfig.KeysDir,
		CAFile:         serverconfig.StoreCAFile,
		JWTDir:         serverconfig.JWTDir,
		StoreTokenFile: serverconfig.StoreTokenFile,
		KubernetesDir:  serverconfig.KubernetesDir,
		APIServer:      apiServerURL(),
		Listen:         ":8080",
		AdminListen:    ":8081",
		MetricsListen:  ":8082",
		DrainDelay:     10 * time.Second,
		DrainTimeout:   20 * time.Second,
		ReloadInterval: time.Second,
		Monitor:        monitor.DefaultIntervals,
		FirstInterim:   firstInterim,
		LockPatience:   20 * time.Second,
		AtOnce:         atOnce(),
		MaxConnections: maxConnections,
		SweepEvery:     sweepEvery,
		SweepAfter:     upload.SweepAfter,
		Version:        "dev",
		Now:            time.Now,
	}
}

// apiServerURL is where the kubelet says that the API server is.
func apiServerURL() string {
	host, port := os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT")
	if host == "" || port == "" {
		return "https://kubernetes.default.svc"
	}
	return "https://" + net.JoinHostPort(host, port)
}

// withDefaults fills in what is not set.
func (o Options) withDefaults() Options {
	d := DefaultOptions()
	o.ConfigFile = or(o.ConfigFile, d.ConfigFile)
	o.CredentialsDir = or(o.CredentialsDir, d.CredentialsDir)
	o.KeysDir = or(o.KeysDir, d.KeysDir)
	o.CAFile = or(o.CAFile, d.CAFile)
	o.JWTDir = or(o.JWTDir, d.JWTDir)
	o.StoreTokenFile = or(o.StoreTokenFile, d.StoreTokenFile)
	o.KubernetesDir = or(o.KubernetesDir, d.KubernetesDir)
	o.APIServer = or(o.APIServer, d.APIServer)
	o.Listen = or(o.Listen, d.Listen)
	o.AdminListen = or(o.AdminListen, d.AdminListen)
	o.MetricsListen = or(o.MetricsListen, d.MetricsListen)
	o.DrainDelay = or(o.DrainDelay, d.DrainDelay)
	o.DrainTimeout = or(o.DrainTimeout, d.DrainTimeout)
	o.ReloadInterval = or(o.ReloadInterval, d.ReloadInterval)
	o.Monitor = or(o.Monitor, d.Monitor)
	o.FirstInterim = or(o.FirstInterim, d.FirstInterim)
	o.AtOnce = or(o.AtOnce, d.AtOnce)
	o.MaxConnections = or(o.MaxConnections, d.MaxConnections)
	o.SweepEvery = or(o.SweepEvery, d.SweepEvery)
	o.SweepAfter = or(o.SweepAfter, d.SweepAfter)
	o.LockPatience = or(o.LockPatience, d.LockPatience)
	o.Version = or(o.Version, d.Version)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.AuditLogger == nil {
		o.AuditLogger = o.Logger
	}
	if o.Registry == nil {
		o.Registry = prometheus.NewRegistry()
	}
	if o.Now == nil {
		o.Now = d.Now
	}
	return o
}

func or[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}
