package android.content;

import android.content.res.AssetManager;
import android.content.res.Resources;
import java.io.File;

public abstract class Context {
    public abstract AssetManager getAssets();

    public abstract File getCacheDir();

    public abstract Resources getResources();

    public abstract ContentResolver getContentResolver();

    public abstract int checkSelfPermission(String permission);
}
