/* gc.pml: garbage collection against pushes, for one object (docs/concepts/gc.md).
 *
 * Two clients, each with a replica of the server that remembers what it saw; two
 * runs of garbage collection, which pause and crash anywhere and begin again for
 * ever. Nothing counts up: an ETag is "what I read is current still" (cur), a
 * generation likewise (sgc), a version "is the one that is there". So the search of spin ends,
 * and covers endless histories. hack/gcmodel/check.sh runs it, once as the protocol
 * is and once without each guard.
 *
 * Time: a tick waits while a deadline is due (R: a request, A: an action with its
 * transfer, P: a push). Quarantine, wait and lease count down and then permit. A run
 * has no deadline. There is one clock, the store's.
 *
 * Asserted: "there" is never answered for an absent object, and no DELETE makes an
 * object absent that a client was told is there, has uploaded, or needs through a
 * ref. A push that asked no server counts from D ticks on.
 *
 * The first scan is arbitrary: any object may be condemned. Not in the model: more
 * than one object, partial lists, scans of one ref after the other, clocks that
 * differ, the share limit, liveness. The random schedules of internal/gc/sweep have
 * most of these.
 *
 * The code's markers count from the generation that condemned an object to any later
 * one, which rescues more than the model's; its servers' memory ends with every write
 * of the index, which is more often than here.
 */
/* Guards. The defaults are the protocol; each macro takes one rule away. */
#ifndef VER
#define VER 0
#endif  /* 1: versioned bucket, a DELETE names exactly the version examined */
#ifndef NOS2
#define NOS2 0
#endif  /* 1: no second scan */
#ifndef S2EARLY
#define S2EARLY 0
#endif  /* 1: the second scan may begin before the quarantine is over */
#ifndef FRESH
#define FRESH 1
#endif  /* 0: the second scan may be of any age when deleting begins */
#ifndef MISS
#define MISS 0
#endif  /* 1: a scan may overlook a ref */
#ifndef NORESC
#define NORESC 0
#endif  /* 1: no marker, 2: the marker comes after the answer */
#ifndef MKFAIL
#define MKFAIL 0
#endif  /* 1: "upload" is answered when the marker cannot be written */
#ifndef MKABS
#define MKABS 1
#endif  /* 0: a marker only for objects that are there */
#ifndef MARK
#define MARK 2
#endif  /* 0: markers without generation, never removed; 1: the same, removed after closing */
#ifndef NOREVAL
#define NOREVAL 0
#endif  /* 1: a server may use the index that it read before */
#ifndef HEADFIRST
#define HEADFIRST 0
#endif  /* 1: the object is looked for before the index is read */
#ifndef CACHE
#define CACHE 2
#endif  /* what a server remembers as present: 2 flushed with the generation, 1 only without what the index lists, 0 nothing */
#ifndef NODELST
#define NODELST 0
#endif  /* 1: servers treat deleting like condemned */
#ifndef NOLIST2
#define NOLIST2 0
#endif  /* 1: markers are listed before deleting begins, not after the wait */
#ifndef NOCAS
#define NOCAS 0
#endif  /* 1: writes of the index are unconditional */
#ifndef ABA
#define ABA 0
#endif  /* 1: an ETag by the content without nonce */
#ifndef NOLEASE
#define NOLEASE 0
#endif  /* 1: deleting may be taken over at any time */
#ifndef NOCHECK
#define NOCHECK 0
#endif  /* 1: no look at the index before a DELETE; its signature ends with the run's own lease all the same */
#ifndef FENCE
#define FENCE 1
#endif  /* 0: a DELETE never expires */
#ifndef SIGNLATE
#define SIGNLATE 0
#endif  /* 1: signed after the look at the index */
#ifndef UNKCLOSE
#define UNKCLOSE 0
#endif  /* 1: the index may be closed while a DELETE has no answer */
#ifndef NB
#define NB 1
#endif  /* 0: every push asks a server first */

/* Times, in ticks. */
#ifndef R
#define R 1            /* request time after the index read */
#endif
#ifndef A
#define A 1            /* action lifetime */
#endif
#ifndef P
#define P 1            /* answer or PUT -> ref pushed */
#endif
#ifndef Q
#define Q (R+A+P+1)    /* quarantine */
#endif
#ifndef W
#define W (R+1)      /* wait in deleting before the markers are listed */
#endif
#ifndef X
#define X 1            /* validity of a signed DELETE */
#endif
#ifndef LEASE
#define LEASE (R+1+X)
#endif
#ifndef F
#define F 1            /* S2 -> 'deleting' */
#endif
#ifndef D
#define D LEASE        /* a push without a batch counts once it is D ticks old */
#endif

#define NONE 0
#define COND 1
#define DEL  2

/* store */
bit  curv;             /* the object is there */
/* index object */
byte ixst, qt, lease;  /* state; ticks until T1+Q; ticks left of the lease */
#if VER
/* Which version was examined: the one that is there now, or one that is past. No
 * more is ever asked of a version, and what is past never comes back, since every
 * upload makes a new one: so a bit says all that a name would. */
bit  ixver;            /* by the index */
bit  gver[2];          /* by a run */
#endif
bit  resc;             /* marker that counts for the current generation */
/* GC runs */
bit  cur[2];           /* the ETag this run holds is still the index's */
byte gt[2];            /* wait */
#if FENCE
byte dt[2];            /* ticks left of the DELETE's signature */
#endif
#if NOCHECK
byte lt[2];            /* ticks left of the lease that a run has written */
#endif
#if FRESH
byte ft[2];
#endif
#if ABA
byte gst[2]; byte own;
#endif
/* clients with their server replica */
byte ct[2]; bit dl[2];  /* timer; is it a deadline */
byte sst[2];           /* index state the server read */
bit  sgc[2];           /* generation the server read is the current one */
bit  pr[2];            /* server found the object */
bit  obl[2], ref[2], nb[2];
#if CACHE
bit  cache[2];
#endif

#define DEC(x) if :: x>0 -> x-- :: else fi

inline past() {        /* another version, or none, is the current one */
#if VER
  ixver=0; gver[0]=0; gver[1]=0;
#else
  skip;
#endif
}
inline put(c) { past(); curv=1 }

active proctype Clock() {
  do
  :: d_step { !(dl[0] && ct[0]==0) && !(dl[1] && ct[1]==0) ->
      DEC(qt); DEC(lease); DEC(gt[0]); DEC(gt[1]);
#if FENCE
      DEC(dt[0]); DEC(dt[1]);
#endif
#if NOCHECK
      DEC(lt[0]); DEC(lt[1]);
#endif
#if FRESH
      DEC(ft[0]); DEC(ft[1]);
#endif
      DEC(ct[0]); DEC(ct[1]);
      if :: nb[0] && ct[0]==0 -> nb[0]=0; obl[0]=1 :: else fi;
      if :: nb[1] && ct[1]==0 -> nb[1]=0; obl[1]=1 :: else fi;
    }
  od
}

inline rdix(c) {
  sst[c]=ixst; sgc[c]=1;
#if CACHE==1
  if :: ixst!=NONE -> cache[c]=0 :: else fi;
#endif
}
inline head(c) {
  pr[c] = (curv!=0);
#if CACHE
  if :: sst[c]==NONE && cache[c] -> pr[c]=1
     :: (sst[c]==NONE && !cache[c] && curv!=0 && (CACHE==1 || sgc[c])) -> cache[c]=1
     :: else fi;
#endif
}
inline marker(c) {
#if MARK==2
  if :: sgc[c] -> resc=1 :: else fi;
#else
  resc=1;
#endif
}

proctype Client(byte c) {
idle:
  atomic { ct[c]=0; dl[c]=0; obl[c]=0; ref[c]=0; nb[c]=0; pr[c]=0;
#if !NOREVAL
  sst[c]=0; sgc[c]=0;
#endif
  }
  if
#if HEADFIRST
  :: atomic { ct[c]=R; dl[c]=1; head(c); printf("MSC: C%d batch: HEAD %d\n",c,pr[c]) };
     atomic { rdix(c); printf("MSC: C%d server reads index %d\n",c,sst[c]) }
#else
  :: atomic { ct[c]=R; dl[c]=1; rdix(c); printf("MSC: C%d batch: server reads index %d\n",c,sst[c]) }
#if NOREVAL
  :: atomic { ct[c]=R; dl[c]=1; printf("MSC: C%d batch: server uses its old index %d\n",c,sst[c]) }
#endif
#endif
#if NB
  :: atomic { c==1 && curv!=0 -> ref[c]=1; nb[c]=1; ct[c]=D; dl[c]=0; printf("MSC: C%d pushes ref without batch\n",c) }; goto pushed
#endif
  fi;

#if NODELST
  atomic { if :: sst[c]==DEL -> sst[c]=COND :: else fi };
#else
  if :: sst[c]==DEL -> printf("MSC: C%d told retry\n",c); goto idle :: else fi;
#endif

  if
  :: (sst[c]==COND && (MKABS || pr[c])) ->
#if NORESC==0
     if
     :: atomic { marker(c); printf("MSC: C%d marker written (counts %d)\n",c,resc) }
     :: printf("MSC: C%d marker fails\n",c);
#if MKFAIL
        pr[c]=0; goto answer
#else
        goto idle
#endif
     fi
#else
     skip
#endif
  :: else
  fi;
#if !HEADFIRST
  atomic { head(c); printf("MSC: C%d HEAD %d\n",c,pr[c]) };
#endif
answer:
  if
  :: atomic { pr[c] -> assert(curv!=0); obl[c]=1; ct[c]=P; dl[c]=1; printf("MSC: C%d told there\n",c) }
#if NORESC==2
     ; atomic { if :: sst[c]==COND -> marker(c); printf("MSC: C%d marker after answer\n",c) :: else fi }
#endif
  :: atomic { !pr[c] -> ct[c]=A; dl[c]=1; printf("MSC: C%d told upload\n",c) };
     if
     :: atomic { put(c); obl[c]=1; ct[c]=P; printf("MSC: C%d PUT lands\n",c) }
     :: goto idle
     fi
  fi;
#if !NOREVAL
  atomic { sst[c]=0; sgc[c]=0; pr[c]=0 };
#endif
  if
  :: atomic { ref[c]=1; ct[c]=0; dl[c]=0; printf("MSC: C%d pushes ref\n",c) }
  :: goto idle
  fi;
pushed:
  printf("MSC: C%d ref gone\n",c);  /* any later moment: ref deleted, or lost with its object (no-batch) */
  goto idle
}

#if NOCAS
#define ETAG(g) 1
#elif ABA
#if ABA==2
#define ETAG(g) (ixst==gst[g] && (ixst!=DEL || own==g))
#else
#define ETAG(g) (ixst==gst[g])
#endif
#else
#define ETAG(g) cur[g]
#endif

#if FRESH && !NOS2
#define FRESHOK(g) (ft[g]>0)
#else
#define FRESHOK(g) true
#endif
#if FENCE
#define XMIN X
#define SIGOK(g) (dt[g]>0)
#else
#define XMIN 1
#define SIGOK(g) true
#endif

inline written(g) { cur[1-g]=0; cur[g]=1;
#if ABA
  gst[g]=ixst; own=(ixst==DEL -> g : 0);
#endif
}

proctype GC(byte g) {
idle:
  atomic { cur[g]=0; gt[g]=0;
#if FENCE
  dt[g]=0;
#endif
#if NOCHECK
  lt[g]=0;
#endif
#if FRESH
  ft[g]=0;
#endif
#if VER
  gver[g]=0;
#endif
  }
  if
  :: atomic { (ixst==NONE && curv!=0) -> cur[g]=1;
#if ABA
       gst[g]=ixst;
#endif
#if VER
       gver[g]=1;
#endif
       printf("MSC: G%d reads index none, S1, examines the object\n",g) }; goto cascond
  :: atomic { ixst==COND && (S2EARLY || qt==0) -> cur[g]=1;
#if ABA
       gst[g]=ixst;
#endif
#if VER
       gver[g]=ixver;
#endif
       printf("MSC: G%d reads index condemned, Q over\n",g) }; goto s2
  :: atomic { (ixst==DEL && (NOLEASE || lease==0)) -> cur[g]=1;
#if ABA
       gst[g]=ixst;
#endif
#if VER
       gver[g]=ixver;
#endif
       printf("MSC: G%d reads index deleting, lease over\n",g) }; goto take
  fi;

cascond:
  if
  :: atomic { ETAG(g) -> ixst=COND; lease=0; resc = (MARK==2 -> 0 : resc);
       qt=Q;
#if VER
       ixver=gver[g];
#endif
       sgc[0]=0; sgc[1]=0;
#if CACHE==2
       cache[0]=0; cache[1]=0;
#endif
       written(g); printf("MSC: G%d CONDEMNED\n",g) }
  :: else
  :: true                 /* crash */
  fi; goto idle;

s2:
  if
#if NOS2
  :: true
#else
  :: atomic { !ref[0] && !ref[1] ->
#if FRESH
       ft[g]=F;
#endif
       printf("MSC: G%d S2: garbage\n",g) }
#if MISS
  :: atomic { ref[0] || ref[1] ->
#if FRESH
       ft[g]=F;
#endif
       printf("MSC: G%d S2 misses a ref\n",g) }
#endif
  :: atomic { ref[0] || ref[1] -> printf("MSC: G%d S2: live\n",g) }; goto casnone
#endif
  :: true -> goto idle
  fi;
#if NOLIST2
  if :: resc -> goto casnone :: !resc fi;
#endif
  if
  :: atomic { (ETAG(g) && FRESHOK(g) && qt==0) -> ixst=DEL; qt=0; lease=LEASE; gt[g]=W;
#if NOCHECK
       lt[g]=LEASE;
#endif
#if FRESH
       ft[g]=0;
#endif
#if VER
       ixver=gver[g];
#endif
       written(g); printf("MSC: G%d DELETING\n",g) }
  :: else -> goto idle
  :: true -> goto idle
  fi;

wait:
  if
#if !NOLIST2
  :: atomic { gt[g]==0 && resc -> printf("MSC: G%d lists rescue\n",g) }; goto casnone
  :: atomic { gt[g]==0 && !resc -> printf("MSC: G%d lists no rescue\n",g) }
#else
  :: gt[g]==0
#endif
  :: true -> goto idle
  fi;
#if FENCE && !SIGNLATE
  if
  :: atomic {
#if NOCHECK
     lt[g]>=X ->
#endif
     dt[g]=X; printf("MSC: G%d signs DELETE\n",g) }
  :: goto idle
  fi;
#endif
#if !NOCHECK
  if
  :: atomic { (ETAG(g) && ixst==DEL && lease>=XMIN) -> printf("MSC: G%d checks lease: mine\n",g) }
  :: else -> goto idle
  :: true -> goto idle
  fi;
#endif
#if FENCE && SIGNLATE
  if :: atomic { dt[g]=X; printf("MSC: G%d signs DELETE\n",g) } :: goto idle fi;
#endif
del:
  if
  :: atomic { SIGOK(g) ->
#if VER
       if :: gver[g] ->
#endif
       printf("MSC: G%d DELETE lands (there: %d)\n",g,curv);
       past(); curv=0; assert(!obl[0] && !obl[1]);
       if :: nb[0] -> nb[0]=0; ref[0]=0; ct[0]=0 :: else fi;
       if :: nb[1] -> nb[1]=0; ref[1]=0; ct[1]=0 :: else fi;
#if VER
       :: else -> printf("MSC: G%d DELETE of a past version finds nothing\n",g)
       fi;
#endif
     }
#if FENCE
  :: dt[g]==0
#endif
#if UNKCLOSE
  :: atomic { ETAG(g) && ixst==DEL -> ixst=NONE; qt=0; lease=0;
#if VER
     ixver=0;
#endif
     written(g); printf("MSC: G%d closes, DELETE unanswered\n",g) }; goto del
#endif
  :: true -> goto idle
  fi;

casnone:
  if
  :: atomic { ETAG(g) -> ixst=NONE; qt=0; lease=0;
#if VER
     ixver=0;
#endif
#if MARK==2
     resc=0; sgc[0]=0; sgc[1]=0;
#endif
     written(g); printf("MSC: G%d closes index\n",g) };
#if MARK==1
     if :: atomic { resc=0; printf("MSC: G%d removes marker\n",g) } :: true fi
#endif
  :: else
  :: true
  fi; goto idle;

take:
  if
  :: atomic { ETAG(g) -> ixst=COND; qt=0; lease=0; written(g); printf("MSC: G%d takeover: back to condemned\n",g) }
  :: else :: true
  fi; goto idle;
}

init {
  atomic {
    if :: curv=1 :: curv=0 fi;
    run Client(0); run Client(1); run GC(0); run GC(1)
  }
}
